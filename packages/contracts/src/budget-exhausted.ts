import type { Budget, RefusedBy } from "./budget.ts";
import { GatewayError } from "./errors.ts";
import { microsToDollars } from "./payment.ts";

const OF: Record<Budget["scope"], string> = {
  organization: "of the organization",
  key: "of this key",
  agent: "of this agent",
  user: "of this user",
};
const PERIODS: Record<Budget["period"], string> = { day: " for the day", month: " for the month", total: "" };

const textOf = (by: RefusedBy): string => {
  if (by.kind === "balance") return "The organization's balance is used up: it needs credits.";
  const limit = by.limitMicros === undefined ? "" : ` (${microsToDollars(by.limitMicros)})`;
  return `The budget ${OF[by.scope]}${PERIODS[by.period]}${limit} is used up: an administrator may raise it.`;
};

/** The refusal of whoever has no money left, or may use no more of it: says which balance or budget it is. */
export function budgetExhausted(found: RefusedBy): GatewayError {
  const isWhole = found.kind === "budget" && found.scope === "organization";
  const refusedBy: RefusedBy = isWhole ? { kind: found.kind, scope: found.scope, period: found.period } : found;
  return new GatewayError("budget_exhausted", { text: textOf(refusedBy), refusedBy });
}
