import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { addTurns, dueCompactions, isSummaryCall, liveSummaries, longThread } from "./testing/long-thread.ts";
import { start } from "./testing/start.ts";

let world: World;
let conversationId: string;
beforeAll(async () => {
  world = await openWorld();
  world.model.when(isSummaryCall, { text: "They spoke." });
  const agent = await world.agent();
  conversationId = await longThread(world, agent, 30);
  const fact = { 31: "我的猫叫汤姆。", 32: "The vaulting was a success.", 33: "Topic of topics: ÄRGER mit dem Tresor." };
  await addTurns(world, conversationId, { from: 31, through: 60, fact });
  const { events } = await start(world, agent, "And now?", { conversationId });
  await untilRest(events);
  await vi.waitFor(
    async () => {
      expect((await liveSummaries(world, conversationId)).at(-1)?.through_turn).toBeGreaterThan(40);
      expect(await dueCompactions(world, conversationId)).toHaveLength(0);
    },
    { timeout: 20_000, interval: 50 },
  );
  await addTurns(world, conversationId, { from: 62, through: 64, fact: { 63: "A zeppelin flew over." } });
});
afterAll(() => world.close());

const key = (organizationId = world.caller.organizationId) => ({ organizationId, conversationId });

const found = async (text: string, within = false, organizationId?: string) => {
  const words = text.split(" ").map((word) => ({ word, within }));
  return (await world.database.memories.recall(key(organizationId), { words, turnsMax: 3 })).map(({ number }) => number);
};

test("the turn with the rare words comes first, whole words before their beginnings", async () => {
  expect((await found("what is the code of the vault"))[0]).toBe(3);
  expect((await found("tell me zeppelin"))[0]).toBe(63);
  expect(await found("vault")).toEqual([3, 32]);
  expect((await found("topic 4"))[0]).toBe(4);
  expect(await found("ärger")).toEqual([33]);
  expect(await found("nobody_said_this")).toEqual([]);
});

test("words are found inside others where that is asked for, as in scripts without spaces", async () => {
  expect(await found("猫")).toEqual([]);
  expect(await found("猫", true)).toEqual([31]);
  expect(await found("ngerin", true)).toEqual([3]);
});

test("turns that no summary stands for are found as well", async () => {
  expect(await found("zeppelin")).toEqual([63]);
});

test("what a question is made of cannot be a query of its own", async () => {
  for (const word of ["a'b", "a\\", "!", "a & b", ":*", "(", "''"]) expect(await found(word)).toEqual(expect.any(Array));
});

test("another organization finds nothing", async () => {
  expect(await found("vault", false, world.stranger.organizationId)).toEqual([]);
});

test("what an edit has cut off is not found any more", async () => {
  await world.sql.owner`
    update conversations set visible = visible * '{(,10)}' + '{[65,)}', branch = branch + 1 where id = ${conversationId}`;
  expect(await found("zeppelin")).toEqual([]);
  expect(await found("猫", true)).toEqual([]);
  expect(await found("vault")).toEqual([3]);
});
