import { expect, test } from "vitest";
import { agentVersion } from "./agent.ts";
import { editInput } from "./conversation.ts";
import { queried, rowNumber } from "./row-number.ts";

const given = queried(rowNumber);

test("digits of a query string are read as the number that they stand for", () => {
  for (const [text, number] of [
    ["1", 1],
    ["2147483647", 2_147_483_647],
    [7, 7],
  ])
    expect(given.parse(text)).toBe(number);
});

test.each([true, false, null, "", " ", "1e3", "0x10", "1.5", [], [3], {}, "2147483648", "-1", 1.5, Number.NaN])(
  "%j is no number of a row",
  (value) => {
    expect(given.safeParse(value).success).toBe(false);
  },
);

test("a version is never what merely could be taken for a number", () => {
  const edit = { agentId: crypto.randomUUID(), conversationId: crypto.randomUUID(), messageId: crypto.randomUUID(), text: "again" };
  expect(editInput.safeParse({ ...edit, expectedVersion: 3 }).success).toBe(true);
  for (const expectedVersion of [true, "3", null]) expect(editInput.safeParse({ ...edit, expectedVersion }).success).toBe(false);
  expect(agentVersion.safeParse(true).success).toBe(false);
  expect(agentVersion.parse("3")).toBe(3);
});
