import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Stripe from "stripe";

/** A checkout as the server keeps it. */
export interface KeptCheckout {
  id: string;
  paymentIntent: string;
  customer: string;
  mode: string;
  /** It is paid by the month. */
  months: boolean;
  amountCents: number;
  metadata: Record<string, string>;
  ownerId: string;
  isPaid: boolean;
}

/** A charge of a token that a payer has shared: `spt_declined` and `spt_action` are not charged. */
export interface KeptCharge {
  id: string;
  token: string;
  amountCents: number;
  status: "succeeded" | "requires_action";
  refundedCents: number;
}

export interface InvoiceFacts {
  id: string;
  type?: "invoice.paid" | "invoice.payment_succeeded" | "invoice.payment_failed";
  reason?: string;
  agoSeconds?: number;
}

/** An event as Stripe would send it: bytes, and the header that signs them. */
export interface SignedEvent {
  id: string;
  body: string;
  signature: string;
}

export interface StripeServer {
  url: string;
  /** `host:port`, as allow-lists name it. */
  host: string;
  key: string;
  webhookSecret: string;
  checkouts: Map<string, KeptCheckout>;
  /** Method and path, in order. */
  requests: string[];
  /** Charges of shared tokens, by their ids. */
  charges: Map<string, KeptCharge>;
  /** The next so many requests are answered 500. */
  failNext: number;
  /** Refunds are answered 500. */
  refusesRefunds: boolean;
  /** The next so many are done, and their answers lost. */
  loseNext: number;
  /** The payer pays; what Stripe tells of it. `later`: it takes its time, and is told of twice. */
  pay(checkoutId: string, how?: "now" | "later"): SignedEvent[];
  /** Cents that go back, as a total. */
  refund(checkoutId: string, totalCents: number): SignedEvent;
  /** One dispute of the whole payment; others of it by their name, over a part of it. */
  dispute(checkoutId: string, outcome: "open" | "won" | "lost", part?: { name: string; cents: number }): SignedEvent;
  /** What has become of the subscription that a checkout began, as of so many seconds ago. */
  subscription(checkoutId: string, step: "created" | "updated" | "deleted", status: string, agoSeconds?: number): SignedEvent;
  /** One month of it, or of what else `reason` names; told under the name that is given. */
  invoice(checkoutId: string, invoice: InvoiceFacts): SignedEvent;
  /** Any event, signed as of so many seconds ago. */
  event(type: string, object: object, agoSeconds?: number): SignedEvent;
  close(): Promise<void>;
}

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

/** As much of Stripe as we use, over real HTTP: what was asked for under an idempotency key is answered from memory. */
export async function startStripeServer(): Promise<StripeServer> {
  const key = `sk_test_${randomBytes(12).toString("hex")}`;
  const webhookSecret = `whsec_${randomBytes(16).toString("hex")}`;
  const signer = new Stripe(key).webhooks;
  const checkouts: StripeServer["checkouts"] = new Map();
  const charges: StripeServer["charges"] = new Map();
  const answered = new Map<string, { fields: string; body: object }>();
  const requests: string[] = [];
  const kept = (id: string): KeptCheckout => {
    const found = checkouts.get(id);
    if (found === undefined) throw new Error(`There is no checkout ${id}.`);
    return found;
  };

  function event(type: string, object: object, agoSeconds = 0): SignedEvent {
    const id = newId("evt");
    const created = Math.floor(Date.now() / 1_000) - agoSeconds;
    const body = JSON.stringify({ id, object: "event", type, created, livemode: false, data: { object } });
    return { id, body, signature: signer.generateTestHeaderString({ payload: body, secret: webhookSecret, timestamp: created }) };
  }

  const sessionOf = (checkout: KeptCheckout, status: string) => ({
    id: checkout.id,
    object: "checkout.session",
    mode: checkout.mode,
    currency: "usd",
    amount_total: checkout.amountCents,
    payment_status: status,
    payment_intent: checkout.paymentIntent,
    customer: checkout.customer,
    client_reference_id: checkout.ownerId,
    metadata: checkout.metadata,
    url: `${server.url}/pay/${checkout.id}`,
    expires_at: Math.floor(Date.now() / 1_000) + 86_400,
  });

  const intentOf = ({ id, amountCents, status }: KeptCharge) => ({
    id,
    object: "payment_intent",
    amount: amountCents,
    currency: "usd",
    status,
  });

  function charged(fields: URLSearchParams): object {
    const token = fields.get("shared_payment_granted_token") ?? "";
    if (token === "spt_declined") throw new Refused(402, { type: "card_error", code: "card_declined", message: `declined of ${key}` });
    const status = token === "spt_action" ? "requires_action" : "succeeded";
    const charge: KeptCharge = { id: newId("pi"), token, amountCents: Number(fields.get("amount")), status, refundedCents: 0 };
    charges.set(charge.id, charge);
    return intentOf(charge);
  }

  function refunded(fields: URLSearchParams): object {
    const charge = charges.get(fields.get("payment_intent") ?? "");
    if (charge === undefined) throw new Refused(404, { type: "invalid_request_error", code: "resource_missing" });
    if (charge.refundedCents > 0) throw new Refused(400, { type: "invalid_request_error", code: "charge_already_refunded" });
    charge.refundedCents = charge.amountCents;
    return { id: newId("re"), object: "refund", amount: charge.amountCents, payment_intent: charge.id, status: "succeeded" };
  }

  function made(path: string, fields: URLSearchParams): object | null {
    if (path === "/v1/payment_intents") return charged(fields);
    if (path === "/v1/refunds") return refunded(fields);
    const [, found] = /^\/v1\/payment_intents\/(\w+)$/.exec(path) ?? [];
    const known = found === undefined ? undefined : charges.get(found);
    if (known !== undefined) return intentOf(known);
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
    };
    checkouts.set(checkout.id, checkout);
    return sessionOf(checkout, "unpaid");
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fields = await fieldsOf(request);
    requests.push(`${request.method} ${request.url}`);
    if (request.headers.authorization !== `Bearer ${key}`) return sendJson(response, 401, { error: { type: "invalid_request_error" } });
    if (server.failNext > 0) {
      server.failNext -= 1;
      return sendJson(response, 500, { error: { type: "api_error", message: `the secret is ${key}` } });
    }
    if (server.refusesRefunds && request.url === "/v1/refunds") return sendJson(response, 500, { error: { type: "api_error" } });
    const once = request.headers["idempotency-key"];
    const known = typeof once === "string" ? answered.get(once) : undefined;
    if (known !== undefined && known.fields !== fields.toString()) return sendJson(response, 400, { error: { type: "idempotency_error" } });
    if (known !== undefined) response.setHeader("idempotent-replayed", "true");
    const body = known?.body ?? made(request.url ?? "", fields);
    if (body === null) return sendJson(response, 404, { error: { type: "invalid_request_error" } });
    if (typeof once === "string") answered.set(once, { fields: fields.toString(), body });
    if (server.loseNext > 0) {
      server.loseNext -= 1;
      return void response.destroy();
    }
    sendJson(response, 200, body);
  }

  const http = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (error instanceof Refused) sendJson(response, error.status, { error: error.fault });
      else response.destroy();
    });
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
      loseNext: 0,
      event,
    },
    pay(checkoutId, how = "now") {
      const checkout = kept(checkoutId);
      checkout.isPaid = true;
      if (how === "now") return [event("checkout.session.completed", sessionOf(checkout, "paid"))];
      const late = event("checkout.session.async_payment_succeeded", sessionOf(checkout, "paid"));
      return [event("checkout.session.completed", sessionOf(checkout, "unpaid")), late];
    },
    refund(checkoutId, totalCents) {
      const { paymentIntent, metadata, amountCents } = kept(checkoutId);
      const charge = { object: "charge", payment_intent: paymentIntent, metadata, currency: "usd" };
      return event("charge.refunded", { ...charge, id: newId("ch"), amount: amountCents, amount_refunded: totalCents });
    },
    dispute(checkoutId, outcome, part) {
      const { paymentIntent, amountCents } = kept(checkoutId);
      const amount = part?.cents ?? amountCents;
      const status = outcome === "open" ? "needs_response" : outcome;
      const id = `dp_${part?.name ?? "whole"}_${checkoutId}`;
      const dispute = { id, object: "dispute", payment_intent: paymentIntent, currency: "usd", amount, status };
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
      const object = { id, object: "invoice", customer, currency: "usd", amount_paid: amount, billing_reason: reason, parent };
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
