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
