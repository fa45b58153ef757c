import { expect, test } from "vitest";
import { createKeyInput } from "./api-key.ts";
import { listExecutionsInput } from "./conversation.ts";
import { isMoment, moment } from "./moment.ts";

test.each([
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00+10:00",
  "9999-12-31T23:59:59-10:00",
  "2020-01-01T00:00:00+23:59",
  "2020-01-01T00:00:00-16:00",
])("%s, which no database keeps, is refused", (at) => {
  expect(moment.safeParse(at).success).toBe(false);
});

test("days and dates have the same bounds", () => {
  expect([isMoment("0000-01-01"), isMoment("0001-01-01"), isMoment("9999-12-31")]).toEqual([false, true, true]);
  for (const at of [new Date(8_640_000_000_000_000), "+012345-01-01T00:00:00Z", "0000-06-01"]) {
    expect(listExecutionsInput.safeParse({ from: at }).success).toBe(false);
    expect(createKeyInput.safeParse({ name: "k", scopes: [], expiresAt: at }).success).toBe(false);
  }
});

test.each(["2026-11-22T16:00:00Z", "2026-11-22T16:00:00.123456+14:00", "1969-12-31T23:59:59-12:00"])(
  "%s is taken as it is written",
  (at) => {
    expect(moment.parse(at)).toBe(at);
  },
);
