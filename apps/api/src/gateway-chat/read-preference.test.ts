import { expect, it } from "vitest";
import { readPreference } from "./read-preference.ts";

it.each([
  [undefined, 30_000, ""],
  ["", 30_000, ""],
  ["respond-async", 0, "respond-async"],
  ["Respond-Async", 0, "respond-async"],
  ["return=minimal, respond-async; x=1", 0, "respond-async"],
  ["respond-async, wait=10", 10_000, "respond-async, wait=10"],
  ["wait=10", 10_000, "wait=10"],
  ['wait="10"', 10_000, "wait=10"],
  ["wait=0", 0, "wait=0"],
  ["wait=100", 30_000, "wait=100"],
  ["wait=5, wait=1", 5_000, "wait=5"],
  ["wait=-1", 30_000, ""],
  ["wait=1e3", 30_000, ""],
  ["wait=99999999999999", 30_000, ""],
  ["respond-async=yes", 30_000, ""],
  ["respond-asynchronously", 30_000, ""],
  [",,;=, ====", 30_000, ""],
])("a preference of %j waits %i ms", (header, waitMs, applied) => {
  expect(readPreference(header, 30_000)).toEqual({ waitMs, applied });
});
