import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "@parley/contracts";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const sources = globSync(["tests/**/*.test.ts", "packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.ts"], {
  cwd: root,
  exclude: (path) => path.includes("node_modules"),
})
  .filter((path) => join(root, path) !== import.meta.filename)
  .map((path) => readFileSync(join(root, path), "utf8"));

/** By its code, or by the words of its row: some doors tell these alone. */
const isNamed = (code: string, text: string): boolean => sources.some((source) => source.includes(`"${code}"`) || source.includes(text));

test("every refusal of the table is named by a test", () => {
  expect(sources.length).toBeGreaterThan(100);
  const unnamed = Object.entries(ERRORS).filter(([code, { text }]) => !isNamed(code, text));
  expect(unnamed.map(([code]) => code)).toEqual([]);
});

test("a refusal that no test names is noticed", () => {
  expect(isNamed(["made", "up", "here"].join("_"), ["Nobody", "says this."].join(" "))).toBe(false);
});
