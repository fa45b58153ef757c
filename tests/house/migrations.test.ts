import { readdirSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDER = new URL("../../packages/db/migrations/", import.meta.url);

test("each migration has a number of its own, so that their order is what it says", () => {
  const names = readdirSync(FOLDER);
  const numbers = names.map((name) => name.slice(0, 4));
  expect(names.filter((name) => !/^\d{4}_[a-z][a-z0-9_]*\.sql$/.test(name))).toEqual([]);
  expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([]);
});
