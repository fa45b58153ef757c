import type { RouteRow } from "./route-row.ts";
import { administration, read, rest, write } from "./row-parts.ts";

const own = { scope: "admin", tenant: "organization" } as const;

export const BILLING_ROUTES = {
  "billing.account": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/account") },
  "billing.prices": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/prices") },
  "billing.statement": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/statement") },
  "billing.charges": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/charges") },
  "billing.exportCharges": { kind: null, ...own, ...read, rest: rest("GET", "/api/billing/charges.csv") },
  "billing.payments": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/payments") },
  "billing.entries": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/entries") },
  "billing.budgets": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/budgets") },
  "billing.plans": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/plans") },
  "billing.subscribe": { kind: "mutation", ...own, ...write, rateLimit: "admin", rest: rest("POST", "/api/billing/subscribe") },
  "billing.portal": { kind: "query", ...own, ...read, rest: rest("GET", "/api/billing/portal") },
  "billing.setBudget": { kind: "mutation", ...own, ...write, rateLimit: "admin", rest: rest("POST", "/api/billing/budgets") },
  "billing.deleteBudget": {
    kind: "mutation",
    ...own,
    ...write,
    rateLimit: "admin",
    rest: rest("DELETE", "/api/billing/budgets/:budgetId"),
  },

  "admin.grantCredits": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/billing/credits") },
  "admin.payBack": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/billing/refunds") },
  "admin.correctCredits": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/billing/corrections") },
  "admin.setBillingMode": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/billing/mode") },
  "admin.setPrice": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/billing/prices") },
  "admin.checkLedger": { ...read, ...administration, tenant: "organization", rest: rest("GET", "/admin/billing/ledger") },
} as const satisfies Record<string, RouteRow>;
