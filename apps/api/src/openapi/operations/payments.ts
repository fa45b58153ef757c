import { checkoutInput, checkoutName, checkoutState, openWalletInput, takeVoucherInput, topUpWalletInput } from "@parley/contracts";
import { z } from "zod";
import { body, json, type Operation, ok } from "../operation.ts";
import { refusedBy } from "../refusals.ts";

const text = z.string();
const plain = { envelope: "plain" } as const;

const dollars = text.meta({ description: "Dollars, with two digits behind the point or more." });
const wallet = z
  .object({
    id: text,
    userAddress: text,
    deposit: dollars,
    spent: dollars,
    reserved: dollars,
    remaining: dollars,
    returned: dollars,
    status: z.enum(["active", "closing", "closed", "expired"]),
    createdAt: z.int(),
    closedAt: z.int().nullable(),
    vouchers: z.array(z.object({ id: text, nonce: text.nullable(), plugin: text, amount: dollars, state: text, timestamp: z.int() })),
  })
  .meta({ id: "WalletSession" });
const EXAMPLE_WALLET = "0x0000000000000000000000000000000000000001";
const EXAMPLE_SESSION = `ses_${"0".repeat(24)}`;

const walletOperations = {
  "wallet.list": {
    ...plain,
    summary: "Sessions of a wallet, or one of them",
    query: z.object({ address: text.optional(), sessionId: text.optional() }),
    successes: ok(z.union([z.object({ sessions: z.array(wallet) }), z.object({ session: wallet })])),
  },
  "wallet.open": {
    ...plain,
    summary: "Set money aside for a wallet",
    description: "Taken from the organization's credits. A wallet has one open session; asked for another, it is answered.",
    body: body(openWalletInput, { address: EXAMPLE_WALLET, deposit: "10.00" }),
    successes: [
      { status: 201, description: "Made.", content: json(z.object({ session: wallet })) },
      { status: 200, description: "There was one.", content: json(z.object({ session: wallet, note: text })) },
    ],
    refusals: ["budget_exhausted"],
  },
  "wallet.topUp": {
    ...plain,
    summary: "Set more money aside",
    body: body(topUpWalletInput, { sessionId: EXAMPLE_SESSION, deposit: "10.00" }),
    successes: ok(z.object({ session: wallet })),
    refusals: ["budget_exhausted", "limit_reached"],
  },
  "wallet.close": {
    ...plain,
    summary: "Close a session; what is left goes back",
    query: z.object({ sessionId: text.optional() }),
    successes: [
      { status: 200, description: "Closed.", content: json(z.object({ success: z.literal(true), status: text, returned: dollars })) },
      {
        status: 202,
        description: "Once what is under way has ended.",
        content: json(z.object({ success: z.literal(false), status: text, returned: dollars })),
      },
    ],
  },
  "wallet.voucher": {
    ...plain,
    summary: "Pay one call by a wallet's signature",
    description:
      "EIP-712; the nonce is good once, a total (`cumulative`) may be shown again. `expires` is in seconds, and at most a day ahead: that of the example is past.",
    body: body(takeVoucherInput, {
      sessionId: EXAMPLE_SESSION,
      userAddress: EXAMPLE_WALLET,
      plugin: "agent",
      signature: `0x${"0".repeat(130)}`,
      nonce: "1",
      expires: 1_767_225_600,
    }),
    successes: ok(
      z.object({
        success: z.literal(true),
        session: z.object({ id: text, spent: dollars, remaining: dollars, pendingVouchers: z.int().min(0) }),
        voucher: z.object({ amount: dollars, plugin: text, description: text }),
        receipt: text,
      }),
    ),
    refusals: ["voucher_failed"],
  },
} as const satisfies Record<string, Operation>;

const paid = z.object({
  plugin: text,
  message: text,
  timestamp: z.iso.datetime(),
  payment: z.object({ id: text, method: z.enum(["stripe", "mpp", "session"]), receipt: text.nullable() }),
  data: z.unknown(),
});

/** `token`, `done`, `error`, and for channels `payment-need-voucher` and `payment-receipt`, in that order. */
const soldFrame = z.union([
  z.object({ delta: text, accumulated: text }),
  paid,
  z.looseObject({ error: text, code: text, message: text, refusedBy: refusedBy.optional(), payment: z.null().optional() }),
  z.object({ channelId: text, requiredCumulative: text, acceptedCumulative: text, deposit: text }),
  z.looseObject({ method: text, intent: text, status: text, reference: text }),
]);

/** Money in, and what is sold for it. */
export const paymentOperations = {
  "payment.checkout": {
    ...plain,
    summary: "Buy credits by card",
    description: "Answers where to pay. Names a pack, by its cents, or a plugin: then one call of it, and half a dollar at the least.",
    query: checkoutInput,
    successes: ok(z.object({ url: text, sessionId: text, expiresAt: z.iso.datetime() })),
    refusals: ["payments_not_configured", "payment_failed"],
  },
  "payment.verify": {
    ...plain,
    summary: "Look at a checkout that was paid",
    description:
      "For a payer who comes back before Stripe has told of the payment: what Stripe says is booked, once. `open`: it is not paid yet, or its money takes its time. `expired` and `failed`: nothing was paid, and nothing will be.",
    query: checkoutName,
    successes: ok(z.object({ sessionId: text, status: checkoutState })),
    refusals: ["payments_not_configured", "payment_failed", "not_found", "storage_unavailable"],
  },
  "payment.portal": {
    ...plain,
    summary: "Look after cards and receipts",
    successes: ok(z.object({ url: text })),
    refusals: ["payments_not_configured", "payment_failed"],
  },
  "payment.event": {
    ...plain,
    summary: "What Stripe tells",
    description: "Signed by `Stripe-Signature` over the raw body, not older than 300 s. Answered 200 once it is booked.",
    body: { isRequired: true, content: json(z.unknown()) },
    successes: ok(z.object({ received: z.literal(true) })),
    refusals: ["payment_refused", "payments_not_configured", "not_found"],
  },
  ...walletOperations,
  "payment.gateway": {
    envelope: "paid",
    summary: "Call a plugin, and pay for it",
    description:
      "Plugins: `agent`, `generate-text`, `tts`, `stt`, and the operator's own; named by `X-Plugin-Id`, else in the body. Paid by the caller's credits, a wallet's session (`X-Session-Id`, `X-Wallet-Address`, `X-Session-Voucher`) or a payment credential; `Accept-Payment` filters and orders what a 402 offers.",
    heads: {
      asked: {
        "X-Plugin-Id": "The plugin; goes before `plugin` in the body.",
        "X-Payment-Method": "`session`, `mpp` or `stripe`; a payment credential goes before it.",
        "Payment-Authorization": "`Payment` and a credential: what was paid for an offer of `WWW-Authenticate`.",
        "Accept-Payment": "Ways to pay that are to be offered, such as `tempo/charge, stripe/charge;q=0.5`.",
        "X-Session-Id": "The session that pays.",
        "X-Wallet-Address": "Its wallet.",
        "X-Session-Voucher": "What the wallet has signed, as base64url of JSON.",
      },
      answered: {
        "X-Plugin-Id": "The plugin.",
        "Payment-Receipt": "Of a session, a payment or a channel.",
        "X-Session-Remaining": "Dollars that this very call has left in the session.",
        "Idempotent-Replay": "`true`: this was answered before; nothing was done or paid again.",
      },
    },
    body: { isRequired: false, content: json(z.looseObject({ plugin: text.optional(), message: text.optional() }), { message: "Hello" }) },
    successes: [
      { status: 200, description: "Done and paid.", content: { ...json(paid), "text/event-stream": { frames: soldFrame } } },
      { status: 204, description: "What was shown for a payment channel is taken; nothing was called." },
    ],
    refusals: [
      "unauthenticated",
      "missing_scope",
      "csrf_refused",
      "payment_required",
      "session_required",
      "session_invalid",
      "insufficient_balance",
      "voucher_failed",
      "channel_gone",
      "unknown_plugin",
      "no_plugin",
      "plugin_failed",
      "payment_pending",
      "payments_not_configured",
      "agent_suspended",
      "turn_pending",
      "message_not_waiting",
      "gateway_token_missing",
      "too_many_streams",
      "stream_ended",
      "budget_exhausted",
      "model_not_found",
      "model_refused",
      "model_busy",
      "model_rejected",
      "model_unavailable",
      "egress_failed",
    ],
  },
} as const satisfies Record<string, Operation>;
