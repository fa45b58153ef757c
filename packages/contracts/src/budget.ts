import { z } from "zod";
import { keptText, MICROS_MAX } from "./money.ts";

export const budgetScope = z.enum(["organization", "key", "agent", "user"]);
export const budgetPeriod = z.enum(["day", "month", "total"]);
/** Takes no field that it does not know: a misspelled `hard` would stop what was only to be told of. */
export const setBudgetInput = z
  .strictObject({
    scope: budgetScope,
    /** The key's id, or what else callers are known by that have none; the agent's, or what users are called; of the organization's own budget empty. */
    subject: keptText(320).default(""),
    /** In UTC. */
    period: budgetPeriod,
    limitMicros: z.int().min(0).max(MICROS_MAX),
    /** Told when so much of it is spent. */
    alertPercent: z.int().min(1).max(100).default(80),
    /** Stops what would go beyond it; else it only tells. */
    hard: z.boolean().default(true),
  })
  .refine(({ scope, subject }) => (scope === "organization") === (subject === ""), {
    message: "A key, an agent or a user is named; the organization is not.",
    path: ["subject"],
  })
  .refine(({ scope, subject }) => scope !== "agent" || z.guid().safeParse(subject).success, {
    message: "An agent is named by its id.",
    path: ["subject"],
  });
export type SetBudget = z.infer<typeof setBudgetInput>;
export const budgetInput = z.object({ budgetId: z.guid().toLowerCase() });

/** A budget, and how it stands in its period of now. */
export interface Budget {
  id: string;
  scope: z.infer<typeof budgetScope>;
  subject: string;
  period: z.infer<typeof budgetPeriod>;
  limitMicros: number;
  alertPercent: number;
  hard: boolean;
  createdAt: string;
  /** The first day of the period. */
  startsOn: string;
  spentMicros: number;
  heldMicros: number;
  alertedAt: string | null;
  reachedAt: string | null;
}

/**
 * What has refused money: the organization's balance, or one of its budgets, as it stood then. `tooLarge`: something is left of it, only less than this
 * needs. The figures of its own budget are told only to those who see its budgets, and those of any only to whom it has refused.
 */
export type RefusedBy =
  | { kind: "balance"; tooLarge?: true }
  | {
      kind: "budget";
      scope: Budget["scope"];
      period: Budget["period"];
      tooLarge?: true;
      limitMicros?: number;
      spentMicros?: number;
    };
