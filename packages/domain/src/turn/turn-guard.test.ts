import { expect, test } from "vitest";
import type { ModelMessage } from "../model/model.ts";
import { concluding, isRepeated } from "./turn-guard.ts";

const said = (...calls: [string, string][]): ModelMessage => ({
  role: "assistant",
  content: "",
  toolCalls: calls.map(([name, given], index) => ({ id: `c${index}`, name, arguments: given })),
});
const look = { name: "look", arguments: '{"at":"moon","how":"long"}' };
const same: [string, string] = ["look", '{"how":"long", "at":"moon"}'];

test("a third identical call in a row is seen, in whatever order its members stand, over steps and within one", () => {
  expect(isRepeated(look, [said(same), { role: "tool", toolCallId: "c0", content: "dark" }, said(same)], [])).toBe(true);
  expect(isRepeated(look, [said(same)], [look])).toBe(true);
  expect(isRepeated(look, [], [look, look])).toBe(true);
});

test("a call between, other arguments, or only one before is no circle", () => {
  expect(isRepeated(look, [said(same)], [])).toBe(false);
  expect(isRepeated(look, [said(same, same, ["listen", "{}"])], [])).toBe(false);
  expect(isRepeated(look, [said(same, ["look", '{"at":"sun"}'])], [])).toBe(false);
});

test("arguments that are no JSON are compared as they are written", () => {
  expect(isRepeated({ name: "look", arguments: "{at" }, [said(["look", "{at"], ["look", "{at"])], [])).toBe(true);
  expect(isRepeated({ name: "look", arguments: "{at" }, [said(["look", "{at"], ["look", "{ at"])], [])).toBe(false);
});

test("the order to conclude stands in the one system message, and what was given is left as it was", () => {
  const given: ModelMessage[] = [
    { role: "system", content: "Be kind." },
    { role: "user", content: "Hello" },
  ];
  const [first, ...others] = concluding(given);
  expect(first?.content).toMatch(/^Be kind\.\n\nThis is the last step/);
  expect(others).toEqual([{ role: "user", content: "Hello" }]);
  expect(given[0]?.content).toBe("Be kind.");
  expect(concluding([{ role: "user", content: "Hello" }])).toHaveLength(2);
});
