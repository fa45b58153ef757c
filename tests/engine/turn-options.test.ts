import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
  world.model.otherwise({ text: ["yes"] });
});
afterAll(() => world.close());

test("a turn that is to think harder asks its model for one level more, and the next one does not", async () => {
  const agent = await world.agent({ reasoningEffort: "medium" });
  const asked = async (options: object) => {
    await untilRest((await start(world, agent, "go", { options })).events);
    return world.model.journal.at(-1)?.body.reasoning_effort;
  };
  expect([await asked({ thinkMode: "harder" }), await asked({})]).toEqual(["high", "medium"]);
});

test("a guarded turn answers a third identical call in a row instead of making it", async () => {
  const agent = await world.agent({ tools: [{ name: "look", url: world.tools.url }] });
  const call = { toolCalls: [{ name: "look", arguments: { at: "moon" } }] };
  world.model.script(call, call, call, { text: "enough" });
  const seen = await untilRest((await start(world, agent, "go", { options: { guarded: true } })).events);
  const results = seen.filter((event) => event.type === "tool.returned");
  expect(results.map(({ data }) => data.isError)).toEqual([false, false, true]);
  expect(results[2]?.data.result).toMatch(/not made again/);
  expect(world.tools.journal).toHaveLength(2);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "enough" } });
});

test("the last step of a guarded turn has no tools and is told to conclude", async () => {
  const agent = await world.agent({ tools: [{ name: "look", url: world.tools.url }] });
  const before = world.model.journal.length;
  world.model.script({ toolCalls: [{ name: "look", arguments: {} }] }, { text: "so far" });
  const seen = await untilRest((await start(world, agent, "go", { options: { guarded: true, stepsMax: 2 } })).events);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "so far" } });
  const [first, last] = world.model.journal.slice(before).map(({ body }) => ({
    tools: body.tools?.length ?? 0,
    concludes: JSON.stringify(body.messages).includes("This is the last step"),
  }));
  expect(first).toEqual({ tools: expect.any(Number), concludes: false });
  expect(first?.tools).toBeGreaterThan(0);
  expect(last).toEqual({ tools: 0, concludes: true });
});

test("a turn takes no more steps, and no more time, than its caller asks for", async () => {
  const agent = await world.agent({ tools: [{ name: "look", url: world.tools.url }] });
  world.model.script({ toolCalls: [{ name: "look", arguments: {} }] });
  const one = await untilRest((await start(world, agent, "go", { options: { stepsMax: 1 } })).events);
  expect(one.at(-1)).toMatchObject({ type: "turn.failed", data: { reason: "steps_exhausted" } });
  world.model.script({ hang: true });
  const late = await untilRest((await start(world, agent, "go", { options: { timeoutMs: 1_000 } })).events);
  expect(late.at(-1)).toMatchObject({ type: "turn.failed", data: { reason: "timeout" } });
});
