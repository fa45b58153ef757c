import { type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askPlan, of, type PlanCall, postPlan, textOf } from "./support/ask-plan.ts";

let system: System;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2, env: { PLANNER_MODEL: "custom/scripted", GATEWAY_API_KEY: "dev-gateway-key" } });
});
afterAll(() => system.close());

const call = (body: unknown, more: Partial<PlanCall> = {}): PlanCall => ({
  url: system.apis[0]?.url ?? "",
  apiKey: system.ours.apiKey,
  body,
  ...more,
});

test("a plan without agents is session, plan, text, final and done, in this order, each with an id", async () => {
  system.model.script({ text: ["Hello", " there"] });
  const frames = await askPlan(call({ question: "Hi", unknown: true, preferences: { maxSteps: 3 } }));
  expect(frames.map(({ event }) => event).filter((event, index, all) => event !== all[index - 1])).toEqual([
    "session",
    "plan",
    "text.delta",
    "final",
    "done",
  ]);
  expect(textOf(frames)).toBe("Hello there");
  const [session] = of(frames, "session");
  expect(session).toEqual({ session_id: expect.any(String), external_session_id: null, created: true });
  expect(of(frames, "plan")).toEqual([{ plan_id: expect.any(String), session_id: session?.session_id }]);
  expect(new Set(of(frames, "text.delta").map(({ part_id: part }) => part)).size).toBe(1);
  expect(of(frames, "final")).toEqual([
    {
      session_id: session?.session_id,
      stop_reason: "stop",
      usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number), totalTokens: expect.any(Number), cachedInputTokens: 0 },
    },
  ]);
  expect(frames.at(-1)).toMatchObject({ event: "done", data: {} });
  expect(new Set(frames.map(({ id }) => id)).size).toBe(frames.length);
});

test("the key of the settings lets in with any content type, a wrong one is told nothing", async () => {
  system.model.script({ text: "Hello" });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  expect(textOf(await askPlan(call({ question: "Hi" }, { apiKey: "dev-gateway-key", headers })))).toBe("Hello");
  const refused = await postPlan(call("{", { apiKey: "dev-gateway-kez" }));
  expect([refused.status, await refused.json()]).toEqual([401, { error: "unauthorized" }]);
});
