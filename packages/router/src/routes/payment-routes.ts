import type { RouteRow } from "./route-row.ts";
import { read, rest, turn, write } from "./row-parts.ts";

export const PAYMENT_ROUTES = {
  "payment.checkout": {
    kind: null,
    scope: ["admin", "rpc"],
    tenant: "organization",
    ...write,
    rest: rest("POST", "/api/v1/payments/stripe/create"),
  },
  /** Books what was paid, as its event would; asked again it changes nothing. */
  "payment.verify": {
    kind: null,
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
  "wallet.list": { kind: null, scope: ["admin", "rpc"], tenant: "organization", ...read, rest: rest("GET", "/api/wallet/sessions") },
  "wallet.open": { kind: null, scope: ["admin", "rpc"], tenant: "organization", ...write, rest: rest("POST", "/api/wallet/sessions") },
  "wallet.topUp": {
    kind: null,
    scope: ["admin", "rpc"],
    tenant: "organization",
    ...write,
    rest: rest("POST", "/api/wallet/sessions/top-up"),
  },
  "wallet.close": { kind: null, scope: ["admin", "rpc"], tenant: "organization", ...write, rest: rest("DELETE", "/api/wallet/sessions") },
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
    rest: rest("POST", "/api/v1/gateway"),
  },
} as const satisfies Record<string, RouteRow>;
