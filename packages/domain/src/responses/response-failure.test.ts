import { budgetExhausted, GatewayError } from "@parley/contracts";
import { expect, test } from "vitest";
import { responseFailure } from "./response-failure.ts";

test("a response that a budget has ended names the budget and no figure of it: others may read what is stored", () => {
  const refusedBy = { kind: "budget", scope: "key", period: "day", limitMicros: 5_000_000, spentMicros: 4_999_999 } as const;
  const failure = responseFailure(budgetExhausted(refusedBy));
  expect(failure).toMatchObject({ code: "budget_exhausted", refusedBy: { kind: "budget", scope: "key", period: "day" } });
  expect(failure.message).toContain("of this key for the day");
  expect(JSON.stringify(failure)).not.toMatch(/5\.00|5000000|4999999/);
});

test("what else has ended it is said in the words of the error table", () => {
  expect(responseFailure(new GatewayError("model_unavailable"))).toMatchObject({ type: "server_error", code: "model_unavailable" });
  expect(responseFailure(new TypeError("inner words"))).toMatchObject({ code: "internal", message: expect.not.stringContaining("inner") });
});
