import { ERRORS, GatewayError } from "@parley/contracts";
import { expect, test } from "vitest";
import { workFailed } from "./work-failed.ts";

const told = (thrown: unknown, isGuest: boolean, whenFailed: "letGo" | "goesBack" | "staysPaid") => {
  const error = workFailed(thrown, { isGuest, purchase: { whenFailed } });
  return error instanceof GatewayError ? [error.code, error.message] : error;
};
const budget = new GatewayError("budget_exhausted");

test("who has paid, or is a guest, is never asked for money again because of the seller's purse; a member is told of it", () => {
  expect(told(budget, true, "letGo")).toEqual(["plugin_failed", ERRORS.plugin_failed.text]);
  expect(told(budget, false, "staysPaid")).toEqual([
    "plugin_failed",
    "The plugin failed. What was paid stands: show the same payment again, and do not pay anew.",
  ]);
  expect(told(budget, false, "letGo")).toEqual(["budget_exhausted", budget.message]);
});

test("whatever has failed, who has paid is told what becomes of the money", () => {
  expect(told(new GatewayError("model_unavailable"), true, "staysPaid")).toEqual([
    "model_unavailable",
    "The model is not answering. What was paid stands: show the same payment again, and do not pay anew.",
  ]);
  expect(told(new GatewayError("plugin_failed"), false, "goesBack")).toEqual([
    "plugin_failed",
    "The plugin failed. What the card was charged goes back.",
  ]);
  const cause = new Error("no");
  expect(told(cause, true, "staysPaid")).toEqual(["internal", expect.stringContaining("What was paid stands")]);
  expect(told(cause, true, "letGo")).toBe(cause);
});

test("a payment of which nobody knows is told as before", () => {
  const pending = new GatewayError("payment_pending", { retryAfterSeconds: 2 });
  expect(workFailed(pending, { isGuest: true, purchase: { whenFailed: "staysPaid" } })).toBe(pending);
});
