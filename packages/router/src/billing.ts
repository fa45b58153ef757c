import {
  budgetInput,
  listChargesInput,
  listEntriesInput,
  listPaymentsInput,
  listPricesInput,
  pageInput,
  setBudgetInput,
  statementInput,
  subscribeInput,
} from "@parley/contracts";
import { idempotencyKey } from "./idempotency-key.ts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** Strict as it is, it knows the key that a call may name in its input. */
const budgetSetting = setBudgetInput.safeExtend({ idempotencyKey: idempotencyKey.optional() });

/** The money of the caller's organization. */
export const billing = {
  account: procedure("billing.account").query(({ ctx }) => ctx.gateway.readAccount(ctx.caller)),

  prices: procedure("billing.prices")
    .input(listPricesInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listPrices(ctx.caller, input)),

  statement: procedure("billing.statement")
    .input(statementInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.readStatement(ctx.caller, input)),

  charges: procedure("billing.charges")
    .input(listChargesInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listCharges(ctx.caller, input)),

  payments: procedure("billing.payments")
    .input(listPaymentsInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listPayments(ctx.caller, input)),

  entries: procedure("billing.entries")
    .input(listEntriesInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listEntries(ctx.caller, input)),

  budgets: procedure("billing.budgets")
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listBudgets(ctx.caller, input)),

  plans: procedure("billing.plans").query(({ ctx }) => ctx.gateway.listPlans(ctx.caller)),

  subscribe: changing("billing.subscribe")
    .input(subscribeInput)
    .mutation(({ ctx, input }) => ctx.gateway.subscribe(ctx.caller, input, ctx.once)),

  portal: procedure("billing.portal").query(({ ctx }) => ctx.gateway.openPortal(ctx.caller)),

  setBudget: changing("billing.setBudget")
    .input(budgetSetting)
    .mutation(({ ctx, input: { idempotencyKey: _, ...input } }) => ctx.gateway.setBudget(ctx.caller, input, ctx.once)),

  deleteBudget: changing("billing.deleteBudget")
    .input(budgetInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deleteBudget(ctx.caller, input.budgetId, ctx.once);
      return { deleted: true as const };
    }),
} satisfies ProceduresOf<"billing">;
