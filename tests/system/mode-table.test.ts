import type { ConversationView, MessageMode, RunState } from "@parley/contracts";
import { at, type ModelServerRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callTrpc } from "./support/call-trpc.ts";
import { COLUMNS, type Column, MODE_TABLE } from "./support/mode-table.ts";
import { overRest, overSocket, overTrpc, type Send } from "./support/send-message.ts";
import { openTrpcSocket, type TrpcSocket } from "./support/trpc-socket.ts";

/** No queue moves by itself while a cell is looked at. */
const GRACE_MS = "600000";
const MODES = Object.keys(MODE_TABLE) as MessageMode[];

let system: System;
let socket: TrpcSocket;
let agentId: string;
/** What lets a turn that was told to hold go on, by its text. */
const gates = new Map<string, PromiseWithResolvers<void>>();
const gateOf = (text: string): PromiseWithResolvers<void> => {
  const gate = gates.get(text) ?? Promise.withResolvers<void>();
  gates.set(text, gate);
  return gate;
};

const isTold =
  (word: string) =>
  ({ body }: ModelServerRequest): boolean => {
    const last = body.messages?.at(-1);
    return last?.role === "user" && String(last.content).startsWith(word);
  };

beforeAll(async () => {
  system = await startSystem({ env: { LIMIT_IDLE_QUEUE_GRACE_MS: GRACE_MS } });
  socket = await openTrpcSocket(system.apis[0]?.url ?? "", system.ours.apiKey);
  agentId = await system.ours.newAgent({ mayAsk: true });
  // A call that cannot be made: its result is a step boundary.
  const call = { toolCalls: [{ name: "no_such_tool", arguments: {} }] };
  system.model.when(isTold("hold"), ({ lastUserText }) => ({ ...call, after: gateOf(lastUserText).promise }));
  const questions = { questions: [{ id: "q", text: "Which one?" }] };
  system.model.when(isTold("ask"), { toolCalls: [{ name: "ask_user_questions", arguments: questions }] });
  system.model.otherwise({ text: ["done"] });
});
afterAll(async () => {
  for (const { resolve } of gates.values()) resolve();
  await socket?.close();
  await system.close();
});

async function trpc(kind: "query" | "mutation", path: string, input: unknown): Promise<unknown> {
  const outcome = await callTrpc(system.rest(), kind, path, input);
  if (!outcome.ok) throw new Error(`${path} was refused: ${outcome.code}`);
  return outcome.data;
}

const stateOf = (conversationId: string) => trpc("query", "conversation.runState", { conversationId }) as Promise<RunState>;
const become = (conversationId: string, expected: Partial<RunState>): Promise<void> =>
  expect.poll(() => stateOf(conversationId), { timeout: 20_000, interval: 50 }).toMatchObject(expected);
const submit = async (text: string, more: object = {}): Promise<string> =>
  String(at(await trpc("mutation", "turn.submit", { agentId, text, ...more }), "conversationId"));

/** A conversation as the column has it; every text of it ends with its own tag. */
async function conversationIn(column: Column, tag: string): Promise<string> {
  const queue = (conversationId: string) => submit(`q ${tag}`, { conversationId, mode: "queue" });
  if (column === "running" || column === "held") {
    const text = `hold ${tag}`;
    const id = await submit(text);
    await expect
      .poll(() => system.model.journal.some(({ body }) => body.messages?.at(-1)?.content === text), { timeout: 20_000 })
      .toBe(true);
    await queue(id);
    if (column === "held") {
      await trpc("mutation", "conversation.stop", { conversationId: id });
      await become(id, { state: "idle", held: true });
    }
    return id;
  }
  const id = await submit(`${column === "paused" ? "ask" : "first"} ${tag}`);
  await become(id, { state: column === "paused" ? "paused" : "idle" });
  if (column === "queued") await queue(id);
  return id;
}

/** What was said in each turn, and how it ended where that was no answer. */
async function turnsOf(conversationId: string, tag: string): Promise<string[]> {
  const { root } = (await trpc("query", "conversation.get", { conversationId })) as ConversationView;
  const turns = new Map<string, string>();
  for (const entry of root.thread) {
    const before = turns.get(entry.turnId);
    if (entry.kind === "user") {
      const text = entry.text.replaceAll(` ${tag}`, "").replaceAll("\n\n", " & ");
      turns.set(entry.turnId, before === undefined ? text : `${before} + ${text}`);
    }
    if (entry.kind === "agent" && entry.status !== "completed") turns.set(entry.turnId, `${before}, ${entry.status}`);
  }
  return [...turns.values()];
}

/** Sets a cell up, sends the message through the door, lets everything run and says what became of it. */
async function lookAt(send: Send, { mode, column, tag }: { mode: MessageMode; column: Column; tag: string }) {
  const { waits = false } = MODE_TABLE[mode][column];
  const conversationId = await conversationIn(column, tag);
  const before = await stateOf(conversationId);
  const says = await send({ agentId, conversationId, text: `new ${tag}`, mode });
  if (waits) {
    const { state, turnId, held, cards } = await stateOf(conversationId);
    expect({ state, turnId, held }).toEqual({ state: before.state, turnId: before.turnId, held: before.held });
    const [card] = cards;
    const answers = [{ questionId: "q", answer: "that one" }];
    if (card) await trpc("mutation", "card.answer", { conversationId, cardId: card.id, answers });
    else await trpc("mutation", "conversation.drain", { conversationId });
  }
  gateOf(`hold ${tag}`).resolve();
  await become(conversationId, { state: "idle", held: false, queueDepth: 0, cardsOpen: 0, steersWaiting: 0 });
  return { says, runs: await turnsOf(conversationId, tag) };
}

const DOORS: [name: string, send: () => Send][] = [
  ["REST, first generation", () => overRest(system.rest(), "/gateway")],
  ["REST, second generation", () => overRest(system.rest(), "")],
  ["tRPC over HTTP", () => overTrpc(system.rest())],
  ["tRPC over WebSocket", () => overSocket(socket)],
];

test.each(DOORS)("every cell of the mode table holds through %s", async (name, send) => {
  const cells = MODES.flatMap((mode) => COLUMNS.map((column) => ({ mode, column, tag: `${name} ${mode} ${column}` })));
  const seen = await Promise.all(cells.map(async (cell) => [cell.mode, cell.column, await lookAt(send(), cell)]));
  expect(seen).toEqual(
    cells.map(({ mode, column }) => {
      const { says, runs } = MODE_TABLE[mode][column];
      return [mode, column, { says, runs }];
    }),
  );
});
