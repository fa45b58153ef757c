import type { RouteRow } from "./route-row.ts";
import { read, rest, turn, write } from "./row-parts.ts";

const ofWallets = {
  scope: ["admin", "rpc"],
  tenant: "organization",
  window: { name: "wallets", limit: "walletCallsMax", what: "calls about wallets" },
} as const;

export const PAYMENT_ROUTES = {
  "payment.checkout": {
    kind: "mutation",
    scope: ["admin", "rpc"],
    tenant: "organization",
    ...write,
    rest: rest("POST", "/api/v1/payments/stripe/create"),
  },
  /** Books what was paid, as its event would; asked again it changes nothing. */
  "payment.verify": {
    kind: "query",
    scope: ["admin", "rpc"],
    tenant: "organization",
    ...read,
    rest: rest("GET", "/api/v1/payments/stripe/verify"),
  },
  "payment.portal": { kind: null, scope: "admin", tenant: "organization", ...read, rest: rest("GET", "/api/v1/payments/stripe/portal") },
  "payment.event": {
    kind: null,
    scope: "signature",
    tenant: "none",
    mutating: true,
    idempotency: "delivery",
    metering: "none",
    rateLimit: "anonymous",
    rest: rest("POST", "/api/v1/payments/stripe/webhook"),
  },
  "wallet.list": { kind: "query", ...ofWallets, ...read, rest: rest("GET", "/api/wallet/sessions") },
  /** Over REST the same route lists them, or shows one. */
  "wallet.get": { kind: "query", ...ofWallets, ...read },
  "wallet.open": { kind: "mutation", ...ofWallets, ...write, rest: rest("POST", "/api/wallet/sessions") },
  "wallet.topUp": { kind: "mutation", ...ofWallets, ...write, rest: rest("POST", "/api/wallet/sessions/top-up") },
  "wallet.close": { kind: "mutation", ...ofWallets, ...write, rest: rest("DELETE", "/api/wallet/sessions") },
  /** Let in by the wallet's signature. */
  "wallet.voucher": {
    kind: null,
    scope: "signature",
    tenant: "none",
    mutating: true,
    idempotency: "key",
    metering: "none",
    rateLimit: "anonymous",
    rest: rest("POST", "/api/wallet/sessions/voucher"),
  },
  "payment.gateway": {
    ...turn,
    kind: null,
    scope: "payment",
    tenant: "none",
    window: { name: "sold", limit: "soldCallsMax", what: "calls of plugins" },
    rest: rest("POST", "/api/v1/gateway"),
  },
} as const satisfies Record<string, RouteRow>;
