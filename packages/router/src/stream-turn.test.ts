import { type Cursor, type EventData, type EventType, type Execution, type LogEvent, NO_USAGE, type SubmitInput } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { expect, test } from "vitest";
import { streamTurn } from "./stream-turn.ts";

const caller: Caller = { organizationId: "o", principalId: "p", scopes: new Set(), agentIds: null };
const input = { agentId: "a", conversationId: "c", text: "And then?", idempotencyKey: "k" } as unknown as SubmitInput;
const facts = { route: "turn.stream" };
const paused = { status: "paused", turnId: "t1" } as Execution;

const event = <Type extends EventType>(n: number, type: Type, data: EventData[Type], turnId: string | null = null) =>
  ({ cursor: `1-${n}`, type, executionId: "c", turnId, at: "", data }) as LogEvent;
const queued = event(4, "queue.updated", { action: "enqueue", messageId: "m2", queueDepth: 1 });
const started = event(7, "turn.started", { turnNumber: 2, attempt: 1, agentVersion: 1 }, "t2");
const ended = event(8, "turn.completed", { turnNumber: 2, result: "", usage: NO_USAGE, more: false }, "t2");

interface Given {
  log: LogEvent[];
  replayed?: boolean;
  waits?: boolean;
  /** The turn that the message has gone into. */
  turnId?: string;
}

/** A gateway whose second message met a conversation that waits for an answer. */
function gatewayOf({ log, replayed = false, waits = true, turnId = "t2" }: Given): Gateway {
  const ids = { conversationId: "c", messageId: "m2", turnId: "t2" };
  const submitted = {
    action: "queued",
    mode: "auto",
    askedMode: "auto",
    ...ids,
    position: 1,
    queueDepth: 1,
    cursor: "1-3",
    replayed,
  } as const;
  async function* events(after: Cursor) {
    yield* log.slice(log.findIndex(({ cursor }) => cursor === after) + 1);
    throw new Error("The stream went on after all that there was.");
  }
  const queue = waits ? [{ id: "m2", turnId: "t2" }] : [];
  const gateway: Partial<Gateway> = {
    submitMessage: async () => submitted,
    submitAndFollow: async () => ({ submitted, execution: paused, cursor: "1-3" as Cursor, events: events("1-3" as Cursor) }),
    followConversation: async (_caller, { after }) => ({ execution: paused, cursor: after as Cursor, events: events(after as Cursor) }),
    getMessage: async () => ({ state: waits ? "queued" : "done", turnId }) as never,
    getRunState: async () => ({ state: "paused", turnId: "t1", queue, cursor: log.at(-1)?.cursor }) as never,
  };
  return gateway as Gateway;
}

async function typesOf(gateway: Gateway, after: string | null = null): Promise<string[]> {
  const types: string[] = [];
  const leaving = new AbortController().signal;
  for await (const [, item] of streamTurn({ gateway, caller, input, facts, after: after as Cursor | null, leaving })) types.push(item.type);
  return types;
}

test("a message behind a card is told to wait, and its stream ends", async () => {
  expect(await typesOf(gatewayOf({ log: [queued] }))).toEqual(["submitted", "queue.updated"]);
});

test("the same call again ends there only as long as the message still waits", async () => {
  expect(await typesOf(gatewayOf({ log: [queued], replayed: true }))).toEqual(["submitted", "queue.updated"]);
  const ran = gatewayOf({ log: [queued, started, ended], replayed: true, waits: false });
  expect(await typesOf(ran)).toEqual(["submitted", "queue.updated", "turn.started", "turn.completed"]);
});

test("a client that comes back to a message behind a card gets what it missed and no more", async () => {
  const gateway = gatewayOf({ log: [event(3, "turn.paused", { cardIds: [] }, "t1"), queued] });
  expect(await typesOf(gateway, "1-3")).toEqual(["queue.updated"]);
  expect(await typesOf(gateway, "1-4")).toEqual([]);
});

test("a client that comes back after its message went into another turn sees that one's end, and no more", async () => {
  const theirs = event(5, "turn.started", { turnNumber: 2, attempt: 1, agentVersion: 1 }, "t9");
  const end = event(6, "turn.completed", { turnNumber: 2, result: "", usage: NO_USAGE, more: true }, "t9");
  const gateway = gatewayOf({
    log: [queued, theirs, end, event(7, "turn.started", started.data as never, "t3"), ended],
    waits: false,
    turnId: "t9",
  });
  expect(await typesOf(gateway, "1-5")).toEqual(["turn.completed"]);
});
