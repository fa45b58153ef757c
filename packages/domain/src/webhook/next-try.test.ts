import { expect, test } from "vitest";
import { nextTry } from "./next-try.ts";

const facts = { attempt: 1, attemptsMax: 10, random: 0.5 };
const failed = { status: 500, error: null, retryAfterMs: null };

test("any 2xx is delivered; what is gone or may not be called is not tried again", () => {
  for (const status of [200, 202, 299]) expect(nextTry({ ...failed, status }, facts).outcome).toBe("delivered");
  expect(nextTry({ ...failed, status: 410 }, facts).outcome).toBe("failed");
  expect(nextTry({ ...failed, status: null, error: "egress_refused" }, facts).outcome).toBe("failed");
  for (const status of [301, 400, 404, 500]) expect(nextTry({ ...failed, status }, facts).outcome).toBe("retry");
});

test("pauses grow, vary by a tenth, are never shorter than what was asked for, and end with the last try", () => {
  const delays = Array.from({ length: 9 }, (_, index) => nextTry(failed, { ...facts, attempt: index + 1 }).delayMs);
  expect(delays).toEqual(delays.toSorted((a, b) => a - b));
  expect(delays[0]).toBe(5_000);
  expect(nextTry(failed, { ...facts, random: 0 }).delayMs).toBe(4_500);
  expect(nextTry({ ...failed, retryAfterMs: 60_000 }, facts).delayMs).toBe(60_000);
  expect(nextTry({ ...failed, retryAfterMs: 1e12 }, facts).delayMs).toBe(86_400_000);
  expect(nextTry(failed, { ...facts, attempt: 10 }).outcome).toBe("failed");
});
