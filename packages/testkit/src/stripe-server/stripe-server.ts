import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { KeptCharge, KeptCheckout, Payable, StripeServer } from "./stripe-shapes.ts";
import { createToldEvents, type SignedEvent } from "./told-events.ts";

const newId = (kind: string): string => `${kind}_${randomBytes(8).toString("hex")}`;

async function fieldsOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

const membersOf = (fields: URLSearchParams, name: string): Record<string, string> =>
  Object.fromEntries(
    [...fields].flatMap(([field, value]) => {
      const [, member] = new RegExp(`^${name}\\[(\\w+)\\]$`).exec(field) ?? [];
      return member === undefined ? [] : [[member, value]];
    }),
  );

/** What is refused with Stripe's own words. */
class Refused extends Error {
  readonly status: number;
  readonly fault: object;
  constructor(status: number, fault: object) {
    super("refused");
    this.status = status;
    this.fault = fault;
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "request-id": newId("req") }).end(JSON.stringify(body));
}

/** As much of Stripe as we use, over real HTTP: what was asked for under an idempotency key is answered from memory, also where it was refused. */
export async function startStripeServer(): Promise<StripeServer> {
  const key = `sk_test_${randomBytes(12).toString("hex")}`;
  const webhookSecret = `whsec_${randomBytes(16).toString("hex")}`;
  const told = createToldEvents(key, webhookSecret);
  const { event } = told;
  const checkouts: StripeServer["checkouts"] = new Map();
  const charges: StripeServer["charges"] = new Map();
  const invoices = new Map<string, Payable & { object: object; checkoutId: string }>();
  const answered = new Map<string, { fields: string; status: number; body: object }>();
  const requests: string[] = [];
  const kept = (id: string): KeptCheckout => {
    const found = checkouts.get(id);
    if (found === undefined) throw new Error(`There is no checkout ${id}.`);
    return found;
  };

  const sessionOf = (checkout: KeptCheckout, status: string) => ({
    id: checkout.id,
    object: "checkout.session",
    mode: checkout.mode,
    currency: "usd",
    amount_total: checkout.amountCents,
    status: checkout.end ?? (checkout.isPaid ? "complete" : "open"),
    payment_status: status,
    payment_intent: checkout.paymentIntent,
    customer: checkout.customer,
    client_reference_id: checkout.ownerId,
    metadata: checkout.metadata,
    url: `${server.url}/pay/${checkout.id}`,
    expires_at: Math.floor(Date.now() / 1_000) + 86_400,
  });

  const intentOf = ({ id, amountCents, status, metadata }: Pick<KeptCharge, "id" | "amountCents" | "metadata"> & { status: string }) => ({
    id,
    object: "payment_intent",
    amount: amountCents,
    currency: "usd",
    status,
    metadata,
  });

  /** Of a charge that was made here, of a checkout that was paid at once, or of an invoice, whose payment bears nothing. */
  function findIntent(id: string): object | null {
    const charge = charges.get(id);
    if (charge !== undefined) return intentOf(charge);
    const paid = [...checkouts.values(), ...invoices.values()].find(({ paymentIntent }) => paymentIntent === id);
    return paid === undefined ? null : intentOf({ id, amountCents: paid.amountCents, metadata: paid.metadata, status: "succeeded" });
  }

  function invoicePayments(query: URLSearchParams): object {
    const paid = [...invoices].filter(([, { paymentIntent }]) => paymentIntent === query.get("payment[payment_intent]"));
    const isExpanded = query.get("expand[0]") === "data.invoice";
    const data = paid.map(([id, { object }]) => ({ id: `inpay_${id}`, object: "invoice_payment", invoice: isExpanded ? object : id }));
    return { object: "list", data, has_more: false };
  }

  /** As it is now, with its newest invoice. */
  function seenCheckout(id: string): object | null {
    const checkout = checkouts.get(id);
    const intent = { id: checkout?.paymentIntent, status: checkout?.isPaid ? "succeeded" : "requires_payment_method" };
    const invoice = [...invoices.values()].findLast(({ checkoutId }) => checkoutId === id)?.object ?? null;
    return checkout === undefined
      ? null
      : {
          ...sessionOf(checkout, checkout.isPaid ? "paid" : "unpaid"),
          created: Math.floor(Date.now() / 1_000),
          invoice,
          payment_intent: intent,
        };
  }

  function expired(id: string): object {
    const checkout = checkouts.get(id);
    if (checkout === undefined) throw new Refused(404, { type: "invalid_request_error", code: "resource_missing" });
    if (checkout.isPaid || checkout.end !== null) throw new Refused(400, { type: "invalid_request_error" });
    checkout.end = "expired";
    return sessionOf(checkout, "unpaid");
  }

  function payable(id: string): Payable {
    const charge = charges.get(id);
    if (charge !== undefined) return { ...charge, paymentIntent: id };
    return invoices.get(id) ?? kept(id);
  }

  function tellRefund(id: string, totalCents: number): SignedEvent {
    const { paymentIntent, metadata, amountCents } = payable(id);
    const charge = { object: "charge", payment_intent: paymentIntent, metadata, currency: "usd" };
    return event("charge.refunded", { ...charge, id: newId("ch"), amount: amountCents, amount_refunded: totalCents });
  }

  function charged(fields: URLSearchParams): object {
    const token = fields.get("shared_payment_granted_token") ?? "";
    if (token === "spt_declined") throw new Refused(402, { type: "card_error", code: "card_declined", message: `declined of ${key}` });
    const status = token === "spt_action" ? "requires_action" : "succeeded";
    const facts = { id: newId("pi"), token, amountCents: Number(fields.get("amount")), metadata: membersOf(fields, "metadata") };
    const charge: KeptCharge = { ...facts, status, refundedCents: 0, disputedCents: 0 };
    charges.set(charge.id, charge);
    return intentOf(charge);
  }

  function refunded(fields: URLSearchParams): object {
    const charge = charges.get(fields.get("payment_intent") ?? "");
    if (charge === undefined) throw new Refused(404, { type: "invalid_request_error", code: "resource_missing" });
    if (charge.refundedCents === charge.amountCents)
      throw new Refused(400, { type: "invalid_request_error", code: "charge_already_refunded" });
    if (charge.disputedCents > 0) throw new Refused(400, { type: "invalid_request_error", code: "charge_disputed" });
    if (server.declinesRefunds) throw new Refused(400, { type: "invalid_request_error", code: "balance_insufficient" });
    charge.refundedCents = charge.amountCents;
    tellRefund(charge.id, charge.amountCents);
    return { id: newId("re"), object: "refund", amount: charge.amountCents, payment_intent: charge.id, status: "succeeded" };
  }

  function made(path: string, fields: URLSearchParams): object | null {
    if (path === "/v1/payment_intents") return charged(fields);
    if (path === "/v1/refunds") return refunded(fields);
    const [, kind, id = ""] = /^\/v1\/(payment_intents|events|checkout\/sessions)\/(\w+)$/.exec(path) ?? [];
    if (kind === "payment_intents") return findIntent(id);
    if (kind === "events") return told.find(id);
    if (kind === "checkout/sessions") return seenCheckout(id);
    const [, closed = ""] = /^\/v1\/checkout\/sessions\/(\w+)\/expire$/.exec(path) ?? [];
    if (closed !== "") return expired(closed);
    if (path === "/v1/events") return told.list(fields);
    if (path === "/v1/invoice_payments") return invoicePayments(fields);
    if (path === "/v1/billing_portal/sessions") return { id: newId("bps"), url: `${server.url}/portal/${fields.get("customer")}` };
    if (path !== "/v1/checkout/sessions") return null;
    const checkout: KeptCheckout = {
      id: newId("cs"),
      paymentIntent: newId("pi"),
      customer: fields.get("customer") ?? newId("cus"),
      mode: fields.get("mode") ?? "",
      months: fields.get("line_items[0][price_data][recurring][interval]") === "month",
      amountCents: Number(fields.get("line_items[0][price_data][unit_amount]")),
      metadata: membersOf(fields, "metadata"),
      ownerId: fields.get("client_reference_id") ?? "",
      isPaid: false,
      end: null,
    };
    checkouts.set(checkout.id, checkout);
    return sessionOf(checkout, "unpaid");
  }

  /** What is done, or why it is not. */
  function judged(path: string, fields: URLSearchParams): { status: number; body: object } {
    try {
      const body = made(path, fields);
      if (body !== null) return { status: 200, body };
      throw new Refused(404, { type: "invalid_request_error", code: "resource_missing" });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { status: error.status, body: { error: error.fault } };
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://stripe.test");
    const fields = request.method === "GET" ? searchParams : await fieldsOf(request);
    requests.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${key}`) return sendJson(response, 401, { error: { type: "invalid_request_error" } });
    if (server.failNext > 0) {
      server.failNext -= 1;
      return sendJson(response, 500, { error: { type: "api_error", message: `the secret is ${key}` } });
    }
    const once = request.headers["idempotency-key"];
    if (pathname === "/v1/refunds") server.refundKeys.push({ paymentIntent: fields.get("payment_intent") ?? "", key: String(once) });
    if (server.refusesRefunds && pathname === "/v1/refunds") return sendJson(response, 500, { error: { type: "api_error" } });
    const known = typeof once === "string" ? answered.get(once) : undefined;
    if (known !== undefined && known.fields !== fields.toString()) return sendJson(response, 400, { error: { type: "idempotency_error" } });
    if (known !== undefined) response.setHeader("idempotent-replayed", "true");
    const { status, body } = known ?? judged(pathname, fields);
    if (typeof once === "string") answered.set(once, { fields: fields.toString(), status, body });
    if (status === 200 && server.loseNext > 0) {
      server.loseNext -= 1;
      return void response.destroy();
    }
    sendJson(response, status, body);
  }

  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const server: StripeServer = {
    ...{
      url: `http://127.0.0.1:${port}`,
      host: `127.0.0.1:${port}`,
      key,
      webhookSecret,
      checkouts,
      charges,
      requests,
      failNext: 0,
      refusesRefunds: false,
      declinesRefunds: false,
      refundKeys: [],
      loseNext: 0,
      event,
      forgetEvent: told.forget,
    },
    pay(checkoutId, how = "now") {
      const checkout = kept(checkoutId);
      checkout.isPaid = true;
      if (how === "now") return [event("checkout.session.completed", sessionOf(checkout, "paid"))];
      const late = event("checkout.session.async_payment_succeeded", sessionOf(checkout, "paid"));
      return [event("checkout.session.completed", sessionOf(checkout, "unpaid")), late];
    },
    refund(id, totalCents) {
      const charge = charges.get(id);
      if (charge !== undefined) charge.refundedCents = totalCents;
      return tellRefund(id, totalCents);
    },
    dispute(id, outcome, part) {
      const { paymentIntent, amountCents } = payable(id);
      const amount = part?.cents ?? amountCents;
      const charge = charges.get(id);
      if (charge !== undefined) charge.disputedCents = outcome === "won" ? 0 : amount;
      const status = outcome === "open" ? "needs_response" : outcome;
      const dispute = {
        id: `dp_${part?.name ?? "whole"}_${id}`,
        object: "dispute",
        payment_intent: paymentIntent,
        currency: "usd",
        amount,
        status,
      };
      return event(`charge.dispute.${outcome === "open" ? "created" : "closed"}`, dispute);
    },
    subscription(checkoutId, step, status, agoSeconds = 0) {
      const { customer, metadata } = kept(checkoutId);
      const items = { data: [{ current_period_end: Math.floor(Date.now() / 1_000) + 2_592_000 }] };
      const object = { id: `sub_${checkoutId}`, object: "subscription", customer, metadata, status, cancel_at_period_end: false, items };
      return event(`customer.subscription.${step}`, object, agoSeconds);
    },
    invoice(checkoutId, { id, type = "invoice.paid", reason = "subscription_cycle", agoSeconds = 0 }) {
      const { customer, metadata, amountCents } = kept(checkoutId);
      const amount = type === "invoice.payment_failed" ? 0 : amountCents;
      const parent = { type: "subscription_details", subscription_details: { subscription: `sub_${checkoutId}`, metadata } };
      const created = Math.floor(Date.now() / 1_000) - agoSeconds;
      const object = {
        status_transitions: { paid_at: created },
        id,
        object: "invoice",
        customer,
        currency: "usd",
        amount_paid: amount,
        status: amount > 0 ? "paid" : "open",
        created,
        billing_reason: reason,
        parent,
      };
      if (amount > 0)
        invoices.set(id, { object, checkoutId, paymentIntent: `pi_${id.replaceAll("-", "")}`, amountCents: amount, metadata: {} });
      return event(type, object, agoSeconds);
    },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}
