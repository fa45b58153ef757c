import {
  billingMode,
  budgetPeriod,
  budgetScope,
  chargePayer,
  ledgerAccount,
  paymentKind,
  priceKind,
  subscribeInput,
} from "@parley/contracts";
import { z } from "zod";
import {
  budgetBody,
  chargesQuery,
  correctionBody,
  creditBody,
  entriesQuery,
  exportQuery,
  modeBody,
  pageQuery,
  payBackBody,
  paymentsQuery,
  priceBody,
  pricesQuery,
  statementQuery,
} from "../../billing/billing-wire.ts";
import { EXAMPLE_ORGANIZATION, ofExampleOrganization } from "../example-organization.ts";
import { body, type Operation, ok } from "../operation.ts";

const text = z.string();
const uuid = z.uuid();
const time = z.iso.datetime();
const micros = z.int();
const count = z.int().min(0);
const plain = { envelope: "plain" } as const;
const coded = { envelope: "coded" } as const;

const account = z
  .object({
    organization_id: uuid,
    mode: billingMode,
    balance_micros: micros,
    held_micros: micros,
    accounts: z.record(text, micros),
  })
  .meta({ id: "BillingAccount", description: "In micro-units. Above zero the organization has so much left, below zero it owes it." });
const price = z
  .object({
    ...{ id: uuid, own: z.boolean(), kind: priceKind, name: text },
    ...{ input_pico: count, output_pico: count, cached_pico: count.nullable(), reasoning_pico: count.nullable() },
    ...{ audio_pico: count, image_pico: count, unit_pico: count },
    ...{ withdrawn: z.boolean(), effective_from: time, created_at: time },
  })
  .meta({ id: "Price", description: "In pico-units per token, second, image or call." });
const budget = z
  .object({
    ...{ id: uuid, scope: budgetScope, subject: text, period: budgetPeriod, limit_micros: micros, alert_percent: count },
    ...{ hard: z.boolean(), created_at: time, starts_on: z.iso.date(), spent_micros: micros, held_micros: micros },
    ...{ alerted_at: time.nullable(), reached_at: time.nullable() },
  })
  .meta({ id: "Budget" });
const entry = z.object({
  ...{ id: count, transaction_id: uuid, account: ledgerAccount, amount_micros: micros },
  ...{ source_type: text, source_id: text, note: text, at: time },
});
const charge = z.object({
  ...{ at: time, source_type: text, source_id: text, transaction_id: uuid.nullable(), payer: chargePayer, amount_micros: micros },
  ...{
    price_id: uuid.nullable(),
    assumed: z.boolean(),
    principal_id: text.nullable(),
    agent_id: uuid.nullable(),
    user_id: text.nullable(),
  },
  ...{ conversation_id: uuid.nullable(), turn_id: uuid.nullable(), model: text, input_tokens: count, output_tokens: count },
  ...{ cached_tokens: count, reasoning_tokens: count, estimated: z.boolean(), audio_ms: count, images: count, registered: z.boolean() },
  sale_id: text.nullable(),
});
const payment = z.object({
  ...{ kind: paymentKind, id: text, method: text, plugin: text.nullable(), state: text, amount_micros: micros, payer: text.nullable() },
  ...{ reference: text.nullable(), session_id: text.nullable(), nonce: text.nullable(), created_at: time, changed_at: time },
});
const line = z.object({
  ...{ name: text.nullable(), calls: count, input_tokens: count, output_tokens: count, cached_tokens: count, reasoning_tokens: count },
  ...{ audio_ms: count, images: count, amount_micros: micros, estimated_calls: count, assumed_calls: count, unpriced_calls: count },
});
const subscription = z.object({ plan: text, status: text, ends_at: time.nullable(), cancels_at_end: z.boolean() });
const pageOf = (item: z.ZodType) => z.object({ items: z.array(item), total: count, page: count, per_page: count });
const booked = z.object({ done: z.boolean(), account });
const check = z.object({ ok: z.boolean(), sum_micros: micros, held_micros: micros, entries: count, problems: z.array(text) });

/** Money: what organizations see of theirs, and what the operator does. */
export const billingOperations = {
  "billing.account": { ...plain, summary: "What the organization has, owes and has set aside", successes: ok(account) },
  "billing.prices": { ...plain, summary: "The prices that it is under", query: pricesQuery, successes: ok(pageOf(price)) },
  "billing.statement": {
    ...plain,
    summary: "What was charged, by day, key, agent, model or user",
    description:
      "The dearest first, days in their order. `total` is of all groups; `left_out` says how many of them are not listed. A day begins in UTC.",
    query: statementQuery,
    successes: ok(z.object({ currency: text, items: z.array(line), total: line, left_out: count })),
  },
  "billing.charges": {
    ...plain,
    summary: "Single charges, oldest first",
    description: "`next` goes on after the last one, as `after`; null: that was all.",
    query: chargesQuery,
    successes: ok(z.object({ currency: text, items: z.array(charge), next: text.nullable() })),
  },
  "billing.exportCharges": {
    ...plain,
    summary: "Every single charge",
    query: exportQuery,
    successes: [{ status: 200, description: "As CSV.", content: { "text/csv": { schema: text } } }],
  },
  "billing.payments": {
    ...plain,
    summary: "What was paid, in whatever way, newest first",
    description:
      "`reference` is an id, a transaction's hash, a payment by card, a session, or a receipt of one. Offers that nobody has shown anything for are listed by `state=open`.",
    query: paymentsQuery,
    successes: ok(z.object({ currency: text, items: z.array(payment), next: text.nullable() })),
  },
  "billing.entries": { ...plain, summary: "The entries of its ledger", query: entriesQuery, successes: ok(pageOf(entry)) },
  "billing.budgets": { ...plain, summary: "List budgets", query: pageQuery, successes: ok(pageOf(budget)) },
  "billing.plans": {
    ...plain,
    summary: "What is sold by the month and at once, the organization's plan and its paid invoices",
    successes: ok(
      z.object({
        plans: z.array(z.object({ name: text, price_micros: micros, credit_micros: micros })),
        packs: z.array(z.object({ pack: text, price_micros: micros, credit_micros: micros })),
        subscription: subscription.nullable(),
        subscriptions: z.array(subscription),
        invoices: z.array(z.object({ id: text, plan: text, paid_micros: micros, credit_micros: micros, paid_at: time })),
      }),
    ),
  },
  "billing.subscribe": {
    ...plain,
    summary: "Subscribe to a plan",
    description: "Answers where to pay. Each paid month gives the plan's credits.",
    body: body(subscribeInput, { plan: "solo" }),
    successes: ok(z.object({ url: text, session_id: text, expires_at: time })),
    refusals: ["payments_not_configured", "payment_failed", "plan_active"],
  },
  "billing.portal": {
    ...plain,
    summary: "Look after cards, receipts and the plan",
    successes: ok(z.object({ url: text })),
    refusals: ["payments_not_configured", "payment_failed", "not_found"],
  },
  "billing.setBudget": {
    ...plain,
    summary: "Set a budget",
    description: "One for each scope, subject and period: another with the same changes it.",
    body: body(budgetBody, { scope: "organization", period: "month", limit_micros: 100_000_000 }),
    successes: ok(budget),
    refusals: ["limit_reached"],
  },
  "billing.deleteBudget": {
    ...plain,
    summary: "Delete a budget",
    successes: ok(z.object({ id: uuid, deleted: z.literal(true) })),
    refusals: ["not_found"],
  },
  "admin.grantCredits": {
    ...coded,
    summary: "Give an organization credits",
    description: "Once for each reference.",
    body: body(creditBody, { organization_id: EXAMPLE_ORGANIZATION, amount_micros: 1_000_000, reference: "example" }),
    successes: ok(booked),
    refusals: ["not_found", "sum_too_large"],
  },
  "admin.payBack": {
    ...coded,
    summary: "Say that a payment on a chain was paid back",
    description:
      "Of one whose work cannot be done: by a transfer of the operator's own, which is named. Booked once; who has paid is owed nothing more.",
    body: body(payBackBody, { organization_id: EXAMPLE_ORGANIZATION, payment: "example", reference: "0xexample" }),
    successes: ok(z.object({ done: z.boolean().describe("False: it was booked before.") })),
    refusals: ["not_found", "payment_not_owed", "idempotency_mismatch"],
  },
  "admin.correctCredits": {
    ...coded,
    summary: "Put an organization's credits right",
    description: "Once for each reference. Above zero it is given, below zero taken back, also where that leaves a debt.",
    body: body(correctionBody, { organization_id: EXAMPLE_ORGANIZATION, amount_micros: -1, reference: "example" }),
    successes: ok(booked),
    refusals: ["not_found", "sum_too_large"],
  },
  "admin.setBillingMode": {
    ...coded,
    summary: "Whether an organization pays before or afterwards",
    body: body(modeBody, { organization_id: EXAMPLE_ORGANIZATION, mode: "postpaid" }),
    successes: ok(account),
    refusals: ["not_found"],
  },
  "admin.setPrice": {
    ...coded,
    summary: "Set a price",
    description:
      "Of one organization; without one, of everybody. At least one rate is given, unless it is withdrawn: one of 0 is for nothing. A plugin, an agent or a peer has `unit_pico` alone.",
    body: body(priceBody, { organization_id: EXAMPLE_ORGANIZATION, kind: "model", name: "example/model", input_pico: 3_000_000 }),
    successes: ok(price),
    refusals: ["limit_reached", "version_mismatch", "not_found"],
  },
  "admin.checkLedger": {
    ...coded,
    summary: "Whether an organization's books are in order",
    query: ofExampleOrganization,
    successes: ok(check),
    refusals: ["not_found"],
  },
} as const satisfies Record<string, Operation>;
