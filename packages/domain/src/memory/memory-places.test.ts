import { expect, it } from "vitest";
import { memoryPlaces } from "./memory-places.ts";

it("has no place for what is about a user whose address is not known: it would be shared with all others of whom none is", () => {
  const around = { organizationId: "o", agentId: "a" };
  for (const userEmail of [null, ""]) {
    expect(memoryPlaces(["user", "agent"], { ...around, userEmail })).toEqual([{ scope: "agent", scopeId: "a" }]);
  }
  expect(memoryPlaces(["user"], { ...around, userEmail: "Ada@Example.com" })).toEqual([{ scope: "user", scopeId: "ada@example.com" }]);
});
