import { randomUUID } from "node:crypto";
import {
  at,
  type RestAnswer,
  type SignedEvent,
  type StripeServer,
  type System,
  startStripeServer,
  startSystem,
  type Tenant,
} from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";

const WEBHOOK = "/api/v1/payments/stripe/webhook";
const PRICE = 29_000_000;
const CREDITS = 30_000_000;

let stripe: StripeServer;
let system: System;
let sql: postgres.Sql;
beforeAll(async () => {
  stripe = await startStripeServer();
  system = await startSystem({
    apis: 2,
    workers: 0,
    allow: [stripe.host],
    env: {
      STRIPE_SECRET_KEY: stripe.key,
      STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
      STRIPE_API_URL: stripe.url,
      STRIPE_PLANS: JSON.stringify({ solo: { cents: 2900, credits: "30.00" }, label: { cents: 14_900, credits: "100.00" } }),
      PUBLIC_URL: "http://gateway.test",
    },
  });
  sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await sql?.end();
  await system?.close();
  await stripe?.close();
});

const newTenant = (): Promise<Tenant> => system.newTenant(`t${randomUUID()}`);
const asked = ({ apiKey }: Tenant, plan: unknown = "solo", headers: Record<string, string> = {}, api = 0): Promise<RestAnswer> =>
  system.rest(api, apiKey).call("/api/billing/subscribe", { body: { plan }, headers });

async function subscribe(tenant: Tenant, plan = "solo"): Promise<string> {
  const answer = await asked(tenant, plan);
  expect(answer).toMatchObject({ status: 200, body: { url: expect.stringContaining(stripe.url), expires_at: expect.any(String) } });
  return String(at(answer.body, "session_id"));
}

const tell = ({ body, signature }: Pick<SignedEvent, "body" | "signature">, api = 0): Promise<RestAnswer> =>
  system.rest(api, null).call(WEBHOOK, { body, headers: { "stripe-signature": signature, "content-type": "application/json" } });

async function told(...events: SignedEvent[]): Promise<void> {
  for (const event of events) expect(await tell(event)).toMatchObject({ status: 200, body: { received: true } });
}

const plansOf = ({ apiKey }: Tenant): Promise<RestAnswer> => system.rest(0, apiKey).call("/api/billing/plans", { method: "GET" });

async function statusOf(tenant: Tenant): Promise<unknown> {
  return at((await plansOf(tenant)).body, "subscription", "status");
}

/** Of the ledger's accounts, those that are not empty. */
async function accountsOf({ organizationId }: Tenant): Promise<Record<string, number>> {
  const rows = await sql`select account, balance_micros::int as micros from ledger_balances
    where organization_id = ${organizationId} and balance_micros <> 0 order by account`;
  return Object.fromEntries(rows.map(({ account, micros }) => [account, micros]));
}

describe("a plan", () => {
  test("is paid once: of two checkouts the later one counts, and where the earlier one was paid already there is none", async () => {
    const tenant = await newTenant();
    const [first, second] = [await subscribe(tenant), await subscribe(tenant, "label")];
    expect([stripe.checkouts.get(first)?.end, stripe.checkouts.get(second)?.end]).toEqual(["expired", null]);
    // Paid, and not told of yet.
    stripe.pay(second);
    for (let times = 0; times < 2; times++) {
      const refused = await asked(tenant);
      expect([refused.status, refused.text]).toEqual([409, expect.stringContaining("paid for a moment ago")]);
      expect([...stripe.checkouts.values()].at(-1)?.end).toBe("expired");
    }
    const third = await newTenant();
    const ended = await subscribe(third);
    stripe.pay(ended);
    await told(stripe.subscription(ended, "created", "active", 1), stripe.subscription(ended, "deleted", "canceled"));
    expect((await asked(third)).status).toBe(200);
    const another = await newTenant();
    await Promise.all([subscribe(another), subscribe(another), subscribe(another)]);
    const open = [...stripe.checkouts.values()].filter(({ ownerId, end }) => ownerId === another.organizationId && end === null);
    expect(open).toHaveLength(1);
  });

  test("is paid by the month in a checkout that says whose it is and what it gives", async () => {
    const tenant = await newTenant();
    const metadata = { type: "plan", plan: "solo", ownerId: tenant.organizationId, creditMicros: String(CREDITS) };
    expect(stripe.checkouts.get(await subscribe(tenant))).toMatchObject({
      mode: "subscription",
      months: true,
      amountCents: 2900,
      metadata,
    });
    expect((await plansOf(tenant)).body).toEqual({
      plans: [
        { name: "solo", price_micros: PRICE, credit_micros: CREDITS },
        { name: "label", price_micros: 149_000_000, credit_micros: 100_000_000 },
      ],
      packs: [500, 1_000, 2_500, 5_000].map((cents) => ({
        pack: String(cents),
        price_micros: cents * 10_000,
        credit_micros: cents * 10_000,
      })),
      subscription: null,
      subscriptions: [],
      invoices: [],
    });
  });

  test("of which there are two is shown beside the other, the newer one first", async () => {
    const tenant = await newTenant();
    const [first, second] = [await subscribe(tenant), await subscribe(tenant, "label")];
    await told(stripe.subscription(first, "created", "active", 2));
    await told(stripe.subscription(second, "created", "past_due", 1));
    const [newer, older] = [
      { plan: "label", status: "past_due", cancels_at_end: false },
      { plan: "solo", status: "active", cancels_at_end: false },
    ];
    expect((await plansOf(tenant)).body).toMatchObject({ subscription: newer, subscriptions: [newer, older] });
    await told(stripe.subscription(second, "deleted", "canceled"));
    expect((await plansOf(tenant)).body).toMatchObject({ subscription: older, subscriptions: [older] });
  });

  test("that is not sold is refused, and none is sold to one that has one", async () => {
    const tenant = await newTenant();
    for (const plan of ["nothing", "", 1, null, "x".repeat(100)]) expect((await asked(tenant, plan)).status).toBe(422);
    const checkout = await subscribe(tenant);
    await told(stripe.subscription(checkout, "updated", "active"));
    expect(await asked(tenant, "label")).toMatchObject({ status: 409 });
    await told(stripe.subscription(checkout, "deleted", "canceled"));
    expect((await asked(tenant, "label")).status).toBe(200);
  });

  test("asked for twice under one key, also of two processes, is one checkout; the typed client asks as REST does", async () => {
    const tenant = await newTenant();
    const key = { "idempotency-key": randomUUID() };
    const before = stripe.checkouts.size;
    const answers = await Promise.all([asked(tenant, "solo", key), asked(tenant, "solo", key, 1)]);
    for (const { status, body } of answers) expect([status, body]).toEqual([200, answers[0]?.body]);
    expect(stripe.checkouts.size).toBe(before + 1);
    const typed = await callTrpc(system.rest(0, tenant.apiKey), "mutation", "billing.subscribe", { plan: "solo" });
    expect(JSON.stringify(typed)).toContain(stripe.url);
  });
});

describe("a paid month", () => {
  test("gives its credits once, however often, where and under what name it is told", async () => {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant);
    const id = `in_${randomUUID()}`;
    const first = stripe.invoice(checkout, { id, reason: "subscription_create" });
    const twin = stripe.invoice(checkout, { id, reason: "subscription_create", type: "invoice.payment_succeeded" });
    const answers = await Promise.all([first, twin, first, first, twin, first].map((event, index) => tell(event, index % 2)));
    for (const { status } of answers) expect(status).toBe(200);
    expect(await accountsOf(tenant)).toEqual({ clearing: -PRICE, credits: PRICE - CREDITS, customer: CREDITS });
    await told(stripe.invoice(checkout, { id: `in_${randomUUID()}` }));
    expect(await accountsOf(tenant)).toEqual({ clearing: -2 * PRICE, credits: 2 * (PRICE - CREDITS), customer: 2 * CREDITS });
    expect((await plansOf(tenant)).body).toMatchObject({
      subscription: { plan: "solo", status: "active" },
      invoices: [
        { plan: "solo", paid_micros: PRICE, credit_micros: CREDITS },
        { id, plan: "solo" },
      ],
    });
    const entries = await system.rest(0, tenant.apiKey).call("/api/billing/entries?account=customer", { method: "GET" });
    expect(entries.text).toContain('"source_type":"plan"');
  });

  test("is given to a payer who comes back before Stripe has told of it, once", async () => {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant);
    const verify = () => system.rest(0, tenant.apiKey).call(`/api/v1/payments/stripe/verify?sessionId=${checkout}`, { method: "GET" });
    expect((await verify()).body).toMatchObject({ status: "open" });
    const invoice = stripe.invoice(checkout, { id: `in_${randomUUID()}`, reason: "subscription_create" });
    expect((await verify()).body).toMatchObject({ status: "paid" });
    expect(await statusOf(tenant)).toBe("active");
    await told(invoice);
    await verify();
    expect(await accountsOf(tenant)).toEqual({ clearing: -PRICE, credits: PRICE - CREDITS, customer: CREDITS });
  });

  test("of a plan that costs more than it gives leaves the rest as earned", async () => {
    const tenant = await newTenant();
    await told(stripe.invoice(await subscribe(tenant, "label"), { id: `in_${randomUUID()}` }));
    expect(await accountsOf(tenant)).toEqual({ clearing: -149_000_000, customer: 100_000_000, revenue: 49_000_000 });
  });

  test("is no other invoice: one in the middle of a month gives nothing, and one that was not paid neither", async () => {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant);
    await told(
      stripe.invoice(checkout, { id: `in_${randomUUID()}`, type: "invoice.payment_failed" }),
      stripe.invoice(checkout, { id: `in_${randomUUID()}`, reason: "subscription_update" }),
    );
    expect(await accountsOf(tenant)).toEqual({ clearing: -PRICE, revenue: PRICE });
  });

  test("is not given to another organization by an invoice of a subscription that is not its own", async () => {
    const [tenant, other] = [await newTenant(), await newTenant()];
    const checkout = await subscribe(tenant);
    await told(stripe.subscription(checkout, "created", "active"));
    const kept = stripe.checkouts.get(checkout);
    if (kept === undefined) throw new Error("Nothing was kept.");
    kept.metadata = { ...kept.metadata, ownerId: other.organizationId };
    expect((await tell(stripe.invoice(checkout, { id: `in_${randomUUID()}` }))).status).toBe(404);
    expect([await accountsOf(tenant), await accountsOf(other)]).toEqual([{}, {}]);
  });
});

describe("what is paid back or disputed of a month", () => {
  /** Tells of a month of that plan and of what became of its money, in that order. */
  async function story(plan: string, order: number[], tellAll = told): Promise<Record<string, number>> {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant, plan);
    const id = `in_${randomUUID()}`;
    const cents = plan === "solo" ? 2900 : 14_900;
    const part = (name: string, share: number) => ({ name, cents: cents * share });
    const events = [
      stripe.invoice(checkout, { id, reason: "subscription_create" }),
      stripe.refund(id, cents * 0.25),
      stripe.refund(id, cents * 0.5),
      stripe.dispute(id, "open", part("kept", 0.25)),
      stripe.dispute(id, "won", part("kept", 0.25)),
      stripe.dispute(id, "open", part("lost", 0.25)),
      stripe.dispute(id, "lost", part("lost", 0.25)),
      stripe.refund(id, cents),
    ];
    await tellAll(...order.map((index) => events[index] as SignedEvent));
    const [sum] =
      await sql`select coalesce(sum(amount_micros), 0)::int as sum from ledger_entries where organization_id = ${tenant.organizationId}`;
    expect(sum).toEqual({ sum: 0 });
    return accountsOf(tenant);
  }

  test.each([
    [0, 1, 2, 3, 4, 5, 6],
    [6, 5, 4, 3, 2, 1, 0],
    [2, 4, 0, 6, 1, 3, 5],
    [6, 2, 4, 0],
  ])("is the same part of what it gave, in the order %i %i %i %i ...", async (...order) => {
    const kept = order.filter((index) => index !== undefined);
    expect(await story("solo", kept)).toEqual({ clearing: -PRICE / 4, credits: (PRICE - CREDITS) / 4, customer: CREDITS / 4 });
    expect(await story("label", kept)).toEqual({ clearing: -37_250_000, customer: 25_000_000, revenue: 12_250_000 });
  });

  test("is all of it where all is paid back, and never more, whatever is disputed besides", async () => {
    for (const order of [
      [0, 7],
      [7, 0],
      [0, 7, 5, 6],
      [5, 7, 0],
    ])
      expect([order, await story("solo", order), await story("label", order)]).toEqual([order, {}, {}]);
  });

  test("is booked once where it is told at the same time as the month itself, to two processes", async () => {
    const together = async (...events: SignedEvent[]) => {
      const answers = await Promise.all([...events, ...events].map((event, index) => tell(event, index % 2)));
      for (const { status } of answers) expect(status).toBe(200);
    };
    for (let tried = 0; tried < 5; tried++)
      expect(await story("label", [2, 0], together)).toEqual({ clearing: -74_500_000, customer: 50_000_000, revenue: 24_500_000 });
  });

  test("leaves a debt where the credits are spent, and nothing of what is no month of ours", async () => {
    const tenant = await newTenant();
    const { organizationId } = tenant;
    const id = `in_${randomUUID()}`;
    await told(stripe.invoice(await subscribe(tenant), { id }));
    const spent = await system.rest(0, null).call("/admin/billing/corrections", {
      ...{ body: { organization_id: organizationId, amount_micros: -CREDITS, reference: "spent" } },
      headers: { "x-admin-secret": system.adminSecret },
    });
    expect(spent.status).toBe(200);
    await told(stripe.dispute(id, "lost"));
    expect(await accountsOf(tenant)).toMatchObject({ customer: -CREDITS });
    const [before] = await sql`select count(*)::int as count from card_payments`;
    const foreign = { object: "charge", payment_intent: "pi_foreign", metadata: {}, currency: "usd", amount: 500, amount_refunded: 500 };
    await told(
      stripe.event("charge.refunded", { ...foreign, id: "ch_foreign" }),
      stripe.event("charge.dispute.created", { ...foreign, id: "dp_foreign", object: "dispute", status: "needs_response" }),
    );
    expect(await sql`select count(*)::int as count from card_payments`).toEqual([before]);
  });

  test("is not booked, and comes again, while Stripe does not say what was paid", async () => {
    const tenant = await newTenant();
    const id = `in_${randomUUID()}`;
    await told(stripe.invoice(await subscribe(tenant), { id }));
    const refund = stripe.refund(id, 2900);
    stripe.failNext = 3;
    expect((await tell(refund)).status).toBe(502);
    expect(await accountsOf(tenant)).toMatchObject({ customer: CREDITS });
    await told(refund);
    expect(await accountsOf(tenant)).toEqual({});
  });
});

describe("the state of a subscription", () => {
  test.each([
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [2, 0, 3, 1],
    [1, 3, 0, 2],
  ])("is the newest one that was told, in the order %i %i %i %i", async (...order) => {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant);
    const events = [
      stripe.subscription(checkout, "created", "incomplete", 40),
      stripe.subscription(checkout, "updated", "active", 30),
      stripe.invoice(checkout, { id: `in_${randomUUID()}`, type: "invoice.payment_failed", agoSeconds: 20 }),
      stripe.subscription(checkout, "updated", "unpaid", 10),
    ];
    for (const index of order) await told(events[index] as SignedEvent);
    expect(await statusOf(tenant)).toBe("unpaid");
  });

  test("of two that were told of one second is the change, not the beginning; what has ended does not begin again", async () => {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant);
    await told(stripe.subscription(checkout, "updated", "active", 5), stripe.subscription(checkout, "created", "incomplete", 5));
    expect(await statusOf(tenant)).toBe("active");
    await told(stripe.subscription(checkout, "deleted", "canceled", 4), stripe.subscription(checkout, "updated", "active", 0));
    expect((await plansOf(tenant)).body).toMatchObject({ subscription: null });
  });

  test("that was forged or altered is refused", async () => {
    const tenant = await newTenant();
    const event = stripe.invoice(await subscribe(tenant), { id: `in_${randomUUID()}` });
    expect((await tell({ ...event, body: event.body.replace('"amount_paid":2900', '"amount_paid":9900') })).status).toBe(400);
    expect(await accountsOf(tenant)).toEqual({});
  });

  test("of somebody else's product changes nothing", async () => {
    const object = { id: "sub_x", object: "subscription", customer: "cus_x", metadata: {}, status: "active", items: { data: [] } };
    await told(stripe.event("customer.subscription.updated", object));
    expect(await sql`select from card_subscriptions where subscription_id = 'sub_x'`).toEqual([]);
  });

  test("is looked after where cards are", async () => {
    const tenant = await newTenant();
    const checkout = await subscribe(tenant);
    expect((await system.rest(0, tenant.apiKey).call("/api/billing/portal", { method: "GET" })).status).toBe(404);
    await told(stripe.subscription(checkout, "created", "active"));
    const portal = await system.rest(0, tenant.apiKey).call("/api/billing/portal", { method: "GET" });
    expect(portal.body).toEqual({ url: `${stripe.url}/portal/${stripe.checkouts.get(checkout)?.customer}` });
  });
});
