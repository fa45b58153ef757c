import { once } from "node:events";
import { type System, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";

let system: System;
const MODEL = "custom/scripted";

beforeAll(async () => {
  system = await startSystem({ workers: 0 });
  system.model.otherwise({ text: ["Hello ", "there."] });
});
afterAll(() => system?.close());

type Message = Record<string, unknown> & { type: string };
const TERMINAL = new Set(["error", "response.completed", "response.failed", "response.incomplete"]);

async function open(apiKey = system.ours.apiKey, api = system.apis[0]?.url) {
  const url = `${api?.replace("http", "ws")}/v1/responses`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${apiKey}` } });
  const messages: Message[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const send = (message: object) => socket.send(JSON.stringify(message));
  let ends = 0;
  /** The next turn: all its messages up to the one that ends it. */
  const turn = async (message?: object): Promise<Message[]> => {
    if (message !== undefined) send({ type: "response.create", model: MODEL, ...message });
    const from = ends;
    await expect.poll(() => messages.findIndex(({ type }, index) => index >= from && TERMINAL.has(type)), { timeout: 10_000 }).not.toBe(-1);
    ends = messages.findIndex(({ type }, index) => index >= from && TERMINAL.has(type)) + 1;
    return messages.slice(from, ends);
  };
  return { socket, send, turn, messages };
}
const idOf = (turn: Message[]): string => String((turn.at(-1)?.response as { id: string }).id);
const errorOf = (turn: Message[]) => (turn.at(-1) as Message & { error: { code: string } }).error.code;
const call = { type: "function_call_output", call_id: "call_none", output: "x" };

test("a socket makes responses in the order they were asked for, each numbered from 0, and goes on from what it remembers", async () => {
  const { send, turn, socket, messages } = await open();
  send({ type: "response.create", model: MODEL, input: "one", stream: true, store: false });
  send({ type: "response.create", model: MODEL, input: "two", store: false });
  const [one, two] = [await turn(), await turn()];
  for (const events of [one, two]) {
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(events[0]?.type).toBe("response.created");
    expect(events.at(-1)?.type).toBe("response.completed");
  }
  const three = await turn({ input: "three", store: false, previous_response_id: idOf(two) });
  expect(three.at(-1)?.type).toBe("response.completed");
  expect((system.model.journal.at(-1)?.body.messages ?? []).map(({ content }) => content)).toEqual(["two", "Hello there.", "three"]);
  // Only the newest is remembered.
  expect(errorOf(await turn({ input: "again", store: false, previous_response_id: idOf(one) }))).toBe("previous_response_not_found");
  expect(messages.some(({ type }) => type === undefined)).toBe(false);
  socket.close();
});

test("a turn that fails forgets what it went on from, and another socket never knew it", async () => {
  const { turn, socket } = await open();
  const first = idOf(await turn({ input: "Hi", store: false }));
  const other = await open();
  expect(errorOf(await other.turn({ input: "Hi", store: false, previous_response_id: first }))).toBe("previous_response_not_found");
  expect((await other.turn({ input: "clean", store: false })).at(-1)?.type).toBe("response.completed");
  expect((await turn({ input: [call], store: false, previous_response_id: first })).map(({ type }) => type)).toEqual(["error"]);
  expect(errorOf(await turn({ input: "Hi", store: false, previous_response_id: first }))).toBe("previous_response_not_found");
  socket.close();
  other.socket.close();
});

test("a stored response is gone on from on another socket, and one can be prepared without an answer", async () => {
  const { turn, socket } = await open();
  const asked = system.model.journal.length;
  const prepared = await turn({ input: "Remember me", generate: false });
  expect(prepared.map(({ type }) => type)).toEqual(["response.created", "response.in_progress", "response.completed"]);
  expect(system.model.journal).toHaveLength(asked);
  socket.close();
  const other = await open();
  expect((await other.turn({ input: "Who?", previous_response_id: idOf(prepared) })).at(-1)?.type).toBe("response.completed");
  expect((system.model.journal.at(-1)?.body.messages ?? []).map(({ content }) => content)).toEqual(["Remember me", "Who?"]);
  other.socket.close();
});

test("a model that breaks off ends its turn with one message, and the socket goes on", async () => {
  const { turn, socket, messages } = await open();
  system.model.script({ text: ["half"], breaks: { afterChunks: 1, how: "cut" } });
  const broken = await turn({ input: "x", store: false });
  expect(broken.filter(({ type }) => TERMINAL.has(type)).map(({ type }) => type)).toEqual(["response.failed"]);
  expect((await turn({ input: "y", store: false })).at(-1)?.type).toBe("response.completed");
  expect(messages.filter(({ type }) => TERMINAL.has(type))).toHaveLength(2);
  socket.close();
});

test("what is no message is answered as an error and the socket stays; a bad key is refused before the handshake", async () => {
  const { socket, send, turn } = await open();
  socket.send("{");
  expect(errorOf(await turn())).toBe("invalid_json");
  send({ type: "response.steer" });
  expect(errorOf(await turn())).toBe("steering_not_supported");
  send({ type: "response.other" });
  expect(errorOf(await turn())).toBe("unknown_message_type");
  expect((await turn({ input: "x" })).at(-1)?.type).toBe("response.completed");
  socket.close();
  await expect(open("wrong")).rejects.toThrow("401");
});

test("a socket that is open for as long as one may be says so and closes, also in the middle of a response", async () => {
  const api = await startReplica("api", { ...system.environment, LIMIT_RESPONSE_SOCKET_MS: "1000" });
  try {
    system.model.script({ text: ["half"], breaks: { afterChunks: 1, how: "hang" } });
    const idle = await open(system.ours.apiKey, api.url);
    const busy = await open(system.ours.apiKey, api.url);
    const closed = [idle, busy].map(({ socket }) => once(socket, "close"));
    busy.send({ type: "response.create", model: MODEL, input: "x", store: false });
    const codes = (await Promise.all(closed)).map(([code]) => code);
    expect(codes).toEqual([1001, 1001]);
    for (const { messages } of [idle, busy]) {
      const last = messages.at(-1) as Message & { status: number; error: object };
      expect(last).toMatchObject({ type: "error", error: { code: "websocket_connection_limit_reached" } });
      expect(messages.filter(({ type }) => TERMINAL.has(type))).toHaveLength(1);
    }
    // Nobody reads it any more: the model's socket is closed, too.
    await expect.poll(() => system.model.journal.at(-1)?.socketClosedAtMs, { timeout: 10_000 }).not.toBeNull();
  } finally {
    await api.close();
  }
});
