import { expect, it } from "vitest";
import { effortOf } from "./effort-of.ts";

it("asks for what the turn says, else for what the agent does, else for nothing", () => {
  expect(effortOf({ reasoningEffort: "low" }, { reasoningEffort: "high" })).toEqual({ reasoningEffort: "high" });
  expect(effortOf({ reasoningEffort: "low" }, { thinkMode: "default" })).toEqual({ reasoningEffort: "low" });
  expect(effortOf({}, {})).toEqual({});
});

it("asks for one level more where the turn is to think harder, as far as there is one", () => {
  const harder = (reasoningEffort?: "low" | "medium" | "high" | "xhigh") =>
    effortOf(reasoningEffort === undefined ? {} : { reasoningEffort }, { thinkMode: "harder" }).reasoningEffort;
  expect([harder("low"), harder("medium"), harder("high"), harder("xhigh"), harder()]).toEqual([
    "medium",
    "high",
    "xhigh",
    "xhigh",
    "high",
  ]);
  expect(effortOf({ reasoningEffort: "xhigh" }, { reasoningEffort: "low", thinkMode: "harder" })).toEqual({ reasoningEffort: "medium" });
});
