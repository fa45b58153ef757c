import { expect, test } from "vitest";
import { parseScript, scriptName, wholeText } from "./script.ts";

test("a script survives its own name, behind any provider's prefix", () => {
  const script = { tokens: 64, firstMs: 40, gapMs: 20 };
  expect(parseScript(scriptName(script))).toEqual(script);
  expect(parseScript(`custom/${scriptName(script)}`)).toEqual(script);
  expect(parseScript(scriptName({ ...script, calls: 20 }))).toEqual({ ...script, calls: 20 });
});

test("a name that is no script is told apart", () => {
  expect(parseScript("gpt-4o")).toBeNull();
});

test("every token of a text names its place", () => {
  expect(wholeText(3)).toBe("t0 t1 t2 ");
});
