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

/** What the sweep asks the lines about `found`, and which of it is counted when those in `missing` were not there. */
async function ensured(found: ReadyConversation[], missing: string[]) {
  const asked: string[] = [];
  const counted: string[] = [];
  await ensureKicks({
    store: {
      findReady: async () => found,
      countKicks: async (keys) => void counted.push(...keys.map(({ conversationId }) => conversationId)),
    },
    lines: {
      async ensure(name, due) {
        asked.push(`${name} ${due.length} ${due[0]?.once}`);
        return due.flatMap(({ payload }, index) => (missing.includes(payload.conversationId) ? [index] : []));
      },
    },
  });
  return { asked, counted };
}

it("asks about turns and background tasks apart, under the names that their first kicks had", async () => {
  expect((await ensured([ready("a"), ready("b", true)], [])).asked).toEqual(["turn.run 1 a-7", "subtask.run 1 b-7"]);
});

it("counts what was without a kick, and nothing that merely waits for its share", async () => {
  expect((await ensured([ready("a"), ready("b"), ready("c"), ready("d", true)], ["b", "d"])).counted).toEqual(["b", "d"]);
});

it("asks about thousands in several goes, so that Redis is not held up", async () => {
  const many = Array.from({ length: 1_200 }, (_, index) => ready(`c${index}`));
  const { asked, counted } = await ensured(many, ["c0", "c499", "c500", "c1199"]);
  expect(asked).toEqual(["turn.run 500 c0-7", "turn.run 500 c500-7", "turn.run 200 c1000-7"]);
  expect(counted).toEqual(["c0", "c499", "c500", "c1199"]);
});

it("asks nothing where nothing is ready", async () => {
  expect((await ensured([], [])).asked).toEqual([]);
});
