import type { CardResult, Cursor, EventData, EventType, LogEvent } from "@parley/contracts";
import { NO_USAGE } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { expect, test } from "vitest";
import { streamDecision } from "./stream-decision.ts";

const caller: Caller = { organizationId: "o", principalId: "p", scopes: new Set(), agentIds: null };
const event = <Type extends EventType>(n: number, type: Type, data: EventData[Type]) =>
  ({ cursor: `1-${n}`, type, executionId: "c", turnId: "t", at: "", data }) as LogEvent;

const closed = event(5, "card.closed", { cardId: "k", outcome: "answered" });
const end = { turnNumber: 1, result: "", usage: NO_USAGE, more: true };
const LOG = [
  event(4, "turn.paused", { cardIds: ["k"] }),
  closed,
  event(6, "turn.resumed", { cardId: "k" }),
  event(7, "turn.started", { turnNumber: 1, attempt: 2, agentVersion: 1 }),
  event(8, "turn.completed", end),
  event(9, "queue.updated", { action: "enqueue", messageId: "m", queueDepth: 1 }),
];

interface Given {
  resumed: boolean;
  after?: string;
  state?: string;
}

async function typesOf({ resumed, after, state = "running" }: Given): Promise<string[]> {
  const decided: CardResult = {
    ...{ conversationId: "c", cardId: "k", turnId: "t", outcome: "answered" },
    ...{ cardsOpen: resumed ? 0 : 1, resumed, cursor: "1-4", replayed: false },
  };
  async function* events(from: Cursor) {
    yield* LOG.slice(LOG.findIndex(({ cursor }) => cursor === from) + 1);
    throw new Error("The stream went on after all that there was.");
  }
  const gateway: Partial<Gateway> = {
    followConversation: async (_caller, { after: from }) => ({
      cursor: from as Cursor,
      execution: {} as never,
      events: events(from as Cursor),
    }),
    getRunState: async () => ({ state, turnId: "t", cursor: "1-9" }) as never,
  };
  const items = streamDecision({
    ...{ gateway: gateway as Gateway, caller, decide: async () => decided },
    ...{ after: (after ?? null) as Cursor | null, leaving: new AbortController().signal },
  });
  const types: string[] = [];
  for await (const [, item] of items) types.push(item.type);
  return types;
}

test("a decision's stream goes on with the turn, and ends with it", async () => {
  expect(await typesOf({ resumed: true })).toEqual(["decided", "card.closed", "turn.resumed", "turn.started", "turn.completed"]);
});

test("where other cards still wait, it ends with the decision itself", async () => {
  expect(await typesOf({ resumed: false })).toEqual(["decided", "card.closed"]);
});

test("a client that comes back is told the rest, and nothing where it has seen all", async () => {
  expect(await typesOf({ resumed: true, after: "1-6" })).toEqual(["turn.started", "turn.completed"]);
  expect(await typesOf({ resumed: true, after: "1-6", state: "idle" })).toEqual(["turn.started", "turn.completed"]);
  expect(await typesOf({ resumed: true, after: "1-9", state: "idle" })).toEqual([]);
});
