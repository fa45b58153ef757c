import { expect, it } from "vitest";
import { ensureKicks } from "./ensure-kicks.ts";
import type { ReadyConversation } from "./sweep-store.ts";

const ready = (conversationId: string, isChild = false): ReadyConversation => ({
  organizationId: "o",
  conversationId,
  epoch: 7,
  isChild,
  readyAtMs: 5,
  graceMs: 2_000,
});

interface Found {
  ready: ReadyConversation[];
  /** Conversations that have no order. */
  missing?: string[];
  /** Conversations that were taken up while the sweep looked. */
  taken?: string[];
  redisIsAway?: boolean;
}

/** What the sweep does about conversations that it finds ready, in order. */
async function ensured({ ready, missing = [], taken = [], redisIsAway = false }: Found): Promise<string[]> {
  const did: string[] = [];
  const namesOf = (keys: readonly { conversationId: string }[]) => keys.map(({ conversationId }) => conversationId).join();
  const lookingFor = ensureKicks({
    store: {
      findReady: async () => ready,
      stillReady: async (those) => those.filter(({ conversationId }) => !taken.includes(conversationId)),
      countKicks: async (keys) => void did.push(`count ${namesOf(keys)}`),
    },
    lines: {
      async findMissing(name, due) {
        did.push(`look ${name} ${due.length} ${due[0]?.once}`);
        return due.flatMap(({ payload }, index) => (missing.includes(payload.conversationId) ? [index] : []));
      },
      async restore(name, due) {
        if (redisIsAway) throw new Error("Redis is away.");
        did.push(`give ${name} ${namesOf(due.map(({ payload }) => payload))}`);
      },
    },
  });
  await lookingFor.catch(() => did.push("failed"));
  return did;
}

it("asks about turns and background tasks apart, under the names that their first kicks had", async () => {
  expect(await ensured({ ready: [ready("a"), ready("b", true)] })).toEqual(["look turn.run 1 a-7", "look subtask.run 1 b-7"]);
});

it("gives and counts what is without a kick, and leaves alone what merely waits for its share", async () => {
  const did = await ensured({ ready: [ready("a"), ready("b"), ready("c"), ready("d", true)], missing: ["b", "d"] });
  expect(did).toEqual(["look turn.run 3 a-7", "give turn.run b", "count b", "look subtask.run 1 d-7", "give subtask.run d", "count d"]);
});

it("does not kick again what was taken up between the two looks", async () => {
  expect(await ensured({ ready: [ready("a"), ready("b")], missing: ["a", "b"], taken: ["a"] })).toEqual([
    "look turn.run 2 a-7",
    "give turn.run b",
    "count b",
  ]);
  expect(await ensured({ ready: [ready("a")], missing: ["a"], taken: ["a"] })).toEqual(["look turn.run 1 a-7"]);
});

it("counts nothing that could not be given, so that it does not wait longer once Redis is there", async () => {
  expect(await ensured({ ready: [ready("a")], missing: ["a"], redisIsAway: true })).toEqual(["look turn.run 1 a-7", "failed"]);
});

it("asks about thousands in several goes, so that Redis is not held up", async () => {
  const many = Array.from({ length: 1_200 }, (_, index) => ready(`c${index}`));
  const did = await ensured({ ready: many, missing: ["c0", "c1199"] });
  expect(did).toEqual([
    "look turn.run 500 c0-7",
    "give turn.run c0",
    "count c0",
    "look turn.run 500 c500-7",
    "look turn.run 200 c1000-7",
    "give turn.run c1199",
    "count c1199",
  ]);
});
