import { expect, it } from "vitest";
import { loadOnce } from "./load-once.ts";

it("loads once for all who ask, and again where it could not be loaded", async () => {
  let loads = 0;
  const load = loadOnce(async () => {
    loads += 1;
    if (loads === 1) throw new Error("Too many open files.");
    return loads;
  });
  await expect(Promise.all([load(), load()])).rejects.toThrow("Too many open files.");
  expect(await Promise.all([load(), load(), load()])).toEqual([2, 2, 2]);
});
