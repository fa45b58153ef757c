import type {
  BillingAccount,
  Booked,
  Budget,
  Charge,
  LedgerCheck,
  LedgerEntry,
  Listed,
  Payment,
  Price,
  Statement,
} from "@parley/contracts";
import type { BillingStore, ChargePlace, Grown, PostedUsage } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

export const createBillingStore = (sql: Sql): BillingStore => ({
  account: (organizationId) => call<BillingAccount>(sql, "read_account", { organizationId }),

  setMode: (organizationId, mode) => call<BillingAccount>(sql, "set_billing_mode", { organizationId, mode }),

  async needsHolds(organizationId) {
    const rows = await guarded(sql<{ needed: boolean }[]>`select needs_holds(${organizationId}) as needed`);
    return first(rows).needed;
  },

  hasRoom: (key) => call<boolean>(sql, "has_room", key),

  credit: (credit) => call<Booked>(sql, "credit_account", { ...credit, from: "credits" }),

  grow: (key, growth) =>
    call<Grown>(sql, "grow_hold", {
      ...key,
      ...{ firmMicros: 0, model: null, inputTokens: 0, firmOutputTokens: 0, sliceTokens: 0, spareMicros: 0, refuseUnpriced: false },
      ...growth,
    }),

  pending: (key) => call<{ heldMicros: number; usedMicros: number }>(sql, "read_pending", key),

  release: (key) => call<boolean>(sql, "release_hold", key),

  post: (organizationIds, bounds) => call<PostedUsage>(sql, "post_usage", { organizationIds, ...bounds }),

  setPrice: (
    { organizationId = null, effectiveFrom = null, inputPico = 0, outputPico = 0, audioPico = 0, imagePico = 0, unitPico = 0, ...price },
    max,
  ) =>
    call<Price>(sql, "set_price", { ...price, organizationId, effectiveFrom, inputPico, outputPico, audioPico, imagePico, unitPico, max }),

  listPrices: (organizationId, { kind = null, name = null, offset, limit }) =>
    call<Listed<Price>>(sql, "list_prices", { organizationId, kind, name, offset, limit }),

  findPrice: (organizationId, what) => call<Price | null>(sql, "find_price", { organizationId, ...what }),

  setBudget: (organizationId, budget, max) => call<Budget>(sql, "set_budget", { organizationId, ...budget, max }),

  deleteBudget: (organizationId, id) => call<boolean>(sql, "delete_budget", { organizationId, id }),

  listBudgets: (organizationId, part) => call<Listed<Budget>>(sql, "list_budgets", { organizationId, ...part }),

  statement: (onlooker, query) => call<Omit<Statement, "currency">>(sql, "sum_charges", { ...query, ...onlooker }),

  charges: (onlooker, query) => call<{ items: Charge[]; next: ChargePlace | null }>(sql, "list_charges", { ...query, ...onlooker }),

  payments: (organizationId, query) =>
    call<{ items: Payment[]; next: ChargePlace | null }>(sql, "list_payments", { ...query, organizationId }),

  entries: (organizationId, filter) => call<Listed<LedgerEntry>>(sql, "list_entries", { ...filter, organizationId }),

  check: (organizationId) => call<LedgerCheck>(sql, "check_ledger", { organizationId }),
});
