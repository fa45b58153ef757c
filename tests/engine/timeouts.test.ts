import { openWorld, tokenText, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routerOver, start } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ limits: { turnMs: 1_500, childMs: 300 } });
});
afterAll(() => world.close());

test("a turn that takes too long ends with what was said, and its model's socket is closed", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 30, delayMs: 1, breaks: { afterChunks: 20, how: "hang" } });
  const { events } = await start(world, agent, "hang");
  const end = (await untilRest(events)).at(-1);
  expect(end).toMatchObject({ type: "turn.failed", data: { status: "failed", reason: "timeout", result: tokenText(20) } });
  await expect.poll(() => world.model.journal.at(-1)?.socketClosedAtMs).not.toBeNull();
});

test("a child that takes too long is a failed result for its parent, whose turn goes on", async () => {
  const router = await routerOver(world, [await world.agent({ name: "Leaf" })], "sync");
  world.model.script({ toolCalls: [{ name: "leaf", arguments: { query: "hang" } }] }, { hang: true }, { text: ["without it"] });
  const { events } = await start(world, router, "go");
  const seen = await untilRest(events);
  expect(seen.find((event) => event.type === "child.finished")).toMatchObject({ data: { status: "failed", reason: "timeout" } });
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "without it" } });
});
