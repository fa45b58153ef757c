import { expect, test } from "vitest";
import { hashArguments } from "./tool-arguments.ts";

test("the same arguments have the same hash, in whatever order their members come, and others have another", () => {
  const hash = hashArguments({ recipient: "a", to: { x: 1, y: [1, 2] } });
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(hashArguments({ to: { y: [1, 2], x: 1 }, recipient: "a" })).toBe(hash);
  for (const other of [{ recipient: "a", to: { x: 1, y: [2, 1] } }, { recipient: "b", to: { x: 1, y: [1, 2] } }, { recipient: "a" }]) {
    expect(hashArguments(other)).not.toBe(hash);
  }
});
