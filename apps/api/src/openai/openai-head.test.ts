import { expect, test } from "vitest";
import { durationText } from "./openai-head.ts";

test.each([
  [0, "0s"],
  [1, "1s"],
  [59, "59s"],
  [60, "1m0s"],
  [360, "6m0s"],
  [3_600, "1h0m0s"],
  [3_723, "1h2m3s"],
])("%i seconds are written as %s", (seconds, text) => expect(durationText(seconds)).toBe(text));
