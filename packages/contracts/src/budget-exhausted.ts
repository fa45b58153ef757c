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
  const standing = by.tooLarge === true ? "has no room for this call" : "is used up";
  if (by.kind === "balance") return `The organization's balance ${standing}: it needs credits.`;
  const limit = by.limitMicros === undefined ? "" : ` (${microsToDollars(by.limitMicros)})`;
  return `The budget ${OF[by.scope]}${PERIODS[by.period]}${limit} ${standing}: an administrator may raise it.`;
};

/** Which balance or budget it was, and no figure of it: what may be told to whoever reads of it. */
export function withoutFigures(by: RefusedBy): RefusedBy {
  if (by.kind === "balance") return by;
  const { limitMicros: _, spentMicros: __, ...named } = by;
  return named;
}

/** The refusal of whoever has no money left, or may use no more of it: says which balance or budget it is. */
export function budgetExhausted(found: RefusedBy): GatewayError {
  const isWhole = found.kind === "budget" && found.scope === "organization";
  const refusedBy = isWhole ? withoutFigures(found) : found;
  return new GatewayError("budget_exhausted", { text: textOf(refusedBy), refusedBy });
}
