import { randomUUID } from "node:crypto";
import {
  at,
  createRestClient,
  type RestAnswer,
  type SignedEvent,
  type StripeServer,
  type System,
  startReplica,
  startStripeServer,
  startSystem,
} from "@parley/testkit";
import postgres from "postgres";
import Stripe from "stripe";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const BASE = "/api/v1/payments/stripe";
const CENT = 10_000;

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

async function buy(pack = "1000"): Promise<string> {
  const answer = await system.rest().call(`${BASE}/create?pack=${pack}`, { method: "POST" });
  expect(answer).toMatchObject({ status: 200, body: { url: expect.stringContaining(stripe.url), expiresAt: expect.any(String) } });
  return String(at(answer.body, "sessionId"));
}

const tell = ({ body, signature }: Pick<SignedEvent, "body" | "signature">, api = 0): Promise<RestAnswer> =>
  system.rest(api, null).call(`${BASE}/webhook`, { body, headers: { "stripe-signature": signature, "content-type": "application/json" } });

async function balance(): Promise<number> {
  const [row] = await sql`select balance_micros from ledger_balances
    where organization_id = ${system.ours.organizationId} and account = 'customer'`;
  return Number(row?.["balance_micros"] ?? 0);
}

/** What the balance has changed by. */
async function changeOf(act: () => Promise<unknown>): Promise<number> {
  const before = await balance();
  await act();
  const [sum] = await sql`select coalesce(sum(amount_micros), 0)::int as sum from ledger_entries`;
  expect(sum).toEqual({ sum: 0 });
  return (await balance()) - before;
}

describe("a checkout", () => {
  test("says where to pay, for a pack or for what a plugin costs and half a dollar at the least", async () => {
    expect(stripe.checkouts.get(await buy("2500"))).toMatchObject({
      amountCents: 2500,
      ownerId: system.ours.organizationId,
      metadata: { type: "credits", ownerId: system.ours.organizationId },
    });
    const plugin = await system.rest().call(`${BASE}/create?plugin=agent`, { method: "POST" });
    expect(stripe.checkouts.get(String(at(plugin.body, "sessionId")))).toMatchObject({ amountCents: 50 });
  });

  test.each(["", "?pack=1", "?pack=1e3", "?pack=-500", "?pack=500.0", "?plugin=nothing", "?pack=%00", "?plugin=%00"])(
    "is refused for %s",
    async (query) => {
      expect((await system.rest().call(`${BASE}/create${query}`, { method: "POST" })).status).toBe(422);
    },
  );

  test("asked for twice under one key, also of two processes, is one", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const call = (api: number) => system.rest(api).call(`${BASE}/create?pack=500`, { method: "POST", headers });
    const before = stripe.checkouts.size;
    const answers = await Promise.all([call(0), call(1), call(0)]);
    for (const { status, body } of answers) expect([status, body]).toEqual([200, answers[0]?.body]);
    expect(stripe.checkouts.size).toBe(before + 1);
    expect((await system.rest().call(`${BASE}/create?pack=1000`, { method: "POST", headers })).status).toBe(409);
  });

  test("is a 502 where Stripe fails, and nothing of what Stripe says is shown", async () => {
    stripe.failNext = 3;
    const answer = await system.rest().call(`${BASE}/create?pack=500`, { method: "POST" });
    expect([answer.status, at(answer.body, "error")]).toEqual([502, "The payment service refused this, or did not answer."]);
    expect(answer.text).not.toContain(stripe.key);
  });
});

test("a key for some agents has no part in the organization's money", async () => {
  const apiKey = await system.ours.newKey({ scopes: ["admin", "rpc"], agentIds: [await system.ours.newAgent()] });
  const body = { address: `0x${"d".repeat(40)}`, deposit: "1.00" };
  const nowhere = `ses_${"0".repeat(24)}`;
  const calls: [path: string, asked?: object][] = [
    ["/api/billing/account"],
    ["/api/billing/plans"],
    ["/api/billing/subscribe", { body: { plan: "solo" } }],
    ["/api/billing/portal"],
    [`${BASE}/create?pack=1000`, { method: "POST" }],
    [`${BASE}/verify?sessionId=cs_test_one`],
    [`${BASE}/portal`],
    ["/api/wallet/sessions", { body }],
    ["/api/wallet/sessions/top-up", { body: { sessionId: nowhere, deposit: "1.00" } }],
    [`/api/wallet/sessions?address=${body.address}`],
    [`/api/wallet/sessions?sessionId=${nowhere}`],
    [`/api/wallet/sessions?sessionId=${nowhere}`, { method: "DELETE" }],
    ["/api/v1/gateway", { body: { message: "x" }, headers: { "x-session-id": nowhere, "x-wallet-address": body.address } }],
  ];
  for (const [path, asked] of calls) {
    const { status, text } = await system.rest(0, apiKey).call(path, asked);
    expect([path, status, text]).toEqual([path, 403, expect.stringContaining("A key for some agents has no part")]);
  }
});

describe("a payer who comes back", () => {
  const verify = (sessionId: string, apiKey: string | null = system.ours.apiKey, api = 0) =>
    system.rest(api, apiKey).call(`${BASE}/verify?sessionId=${sessionId}`, { method: "GET" });

  test("before Stripe has told of the payment has it booked, once, whoever tells of it and however often it is asked", async () => {
    const checkout = await buy();
    expect(await verify(checkout)).toMatchObject({ status: 200, body: { sessionId: checkout, status: "open" } });
    for (const [end, status] of [
      ["expired", "expired"],
      ["complete", "failed"],
    ] as const) {
      const ended = await buy();
      Object.assign(stripe.checkouts.get(ended) ?? {}, { end });
      expect(await verify(ended)).toMatchObject({ status: 200, body: { sessionId: ended, status } });
    }
    const events = stripe.pay(checkout);
    const change = await changeOf(async () => {
      for (const { status, body } of await Promise.all([verify(checkout), verify(checkout, undefined, 1), verify(checkout)]))
        expect([status, body]).toEqual([200, { sessionId: checkout, status: "paid" }]);
    });
    expect(change).toBe(1000 * CENT);
    expect(await changeOf(() => Promise.all([...events.map((event) => tell(event)), verify(checkout)]))).toBe(0);
    expect(await changeOf(() => tell(stripe.refund(checkout, 400)))).toBe(-400 * CENT);
    expect(await changeOf(() => verify(checkout))).toBe(0);
  });

  test("hears nothing of a checkout of another organization, or of one that is not there", async () => {
    const other = await system.newTenant(`t${randomUUID()}`);
    const checkout = await buy();
    stripe.pay(checkout);
    const change = await changeOf(async () => {
      const [foreign, unknown] = [await verify(checkout, other.apiKey), await verify("cs_nothing")];
      expect([foreign.status, foreign.text]).toEqual([404, unknown.text]);
      expect((await verify(checkout, null)).status).toBe(401);
    });
    expect(change).toBe(0);
    for (const bad of ["", "pi_1", "cs_", "cs_.", "cs_%00", "cs_a/../b", "cs_%F0%9F%98%80", `cs_${"x".repeat(201)}`])
      expect((await verify(bad)).status).toBe(422);
    stripe.failNext = 3;
    expect((await verify(checkout)).status).toBe(502);
  });
});

describe("what Stripe tells", () => {
  test("is booked once, however often and wherever it is told", async () => {
    const checkout = await buy();
    const [event] = stripe.pay(checkout);
    if (event === undefined) throw new Error("Nothing was told.");
    const change = await changeOf(async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => tell(event, index % 2)));
      for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { received: true } });
      // The same payment under another event's name.
      for (const again of stripe.pay(checkout)) expect((await tell(again)).status).toBe(200);
    });
    expect(change).toBe(1000 * CENT);
    const portal = await system.rest().call(`${BASE}/portal`, { method: "GET" });
    expect(portal.body).toEqual({ url: `${stripe.url}/portal/${stripe.checkouts.get(checkout)?.customer}` });
  });

  test("that is not paid yet changes nothing until the money is there", async () => {
    const [completed, succeeded] = stripe.pay(await buy(), "later");
    if (completed === undefined || succeeded === undefined) throw new Error("Too little was told.");
    expect(await changeOf(() => tell(completed))).toBe(0);
    expect(await changeOf(() => tell(succeeded))).toBe(1000 * CENT);
  });

  test("comes to the same in any order: paid, refunded in two parts, disputed, won", async () => {
    const story = async (order: number[]) => {
      const checkout = await buy();
      const events = [
        ...stripe.pay(checkout),
        stripe.refund(checkout, 300),
        stripe.refund(checkout, 400),
        stripe.dispute(checkout, "open"),
        stripe.dispute(checkout, "won"),
      ];
      return changeOf(async () => {
        for (const index of order) expect((await tell(events[index] as SignedEvent)).status).toBe(200);
      });
    };
    for (const order of [
      [0, 1, 2, 3, 4],
      [2, 1, 0, 4, 3],
      [1, 4, 3, 0, 2],
      [0, 4, 3, 2, 1],
    ])
      expect([order, await story(order)]).toEqual([order, 600 * CENT]);
  });

  test("of a dispute takes the money back, and a lost one keeps it", async () => {
    const checkout = await buy();
    for (const event of stripe.pay(checkout)) await tell(event);
    expect(await changeOf(() => tell(stripe.dispute(checkout, "open")))).toBe(-1000 * CENT);
    expect(await changeOf(() => tell(stripe.dispute(checkout, "lost")))).toBe(0);
  });

  test("of several disputes of one payment, each with its own end, comes to what they leave, in any order", async () => {
    const story = async (order: number[]) => {
      const checkout = await buy();
      const [first, second] = [
        { name: "first", cents: 400 },
        { name: "second", cents: 250 },
      ];
      for (const event of stripe.pay(checkout)) await tell(event);
      const events = [
        stripe.dispute(checkout, "open", first),
        stripe.dispute(checkout, "won", first),
        stripe.dispute(checkout, "open", second),
        stripe.dispute(checkout, "lost", second),
      ];
      return changeOf(async () => {
        for (const index of order) expect((await tell(events[index] as SignedEvent)).status).toBe(200);
      });
    };
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [0, 2, 1, 3],
      [1, 3],
    ])
      expect([order, await story(order)]).toEqual([order, -250 * CENT]);
    expect(await story([0, 2])).toBe(-650 * CENT);
  });

  test("that is more than was paid takes back what was paid, once, however often it is told", async () => {
    const checkout = await buy();
    for (const event of stripe.pay(checkout)) await tell(event);
    const [refund, dispute] = [stripe.refund(checkout, 700), stripe.dispute(checkout, "lost")];
    expect(
      await changeOf(async () => {
        for (const event of [refund, dispute, refund, dispute, stripe.refund(checkout, 1_000), stripe.refund(checkout, 1_500)])
          expect((await tell(event)).status).toBe(200);
      }),
    ).toBe(-1000 * CENT);
    // Two processes hear two different things at once.
    const other = await buy();
    for (const event of stripe.pay(other)) await tell(event);
    const told = [stripe.refund(other, 300), stripe.refund(other, 500), stripe.dispute(other, "open"), stripe.dispute(other, "won")];
    expect(await changeOf(() => Promise.all(told.map((event, index) => tell(event, index % 2))))).toBe(-500 * CENT);
  });

  test("of money that was spent already leaves a debt: nothing more is bought on credit or set aside until it is made up for", async () => {
    const { organizationId } = system.ours;
    const operator = system.rest(0, null);
    const headers = { "x-admin-secret": system.adminSecret };
    const setMode = (mode: string) => operator.call("/admin/billing/mode", { body: { organization_id: organizationId, mode }, headers });
    expect((await setMode("prepaid")).status).toBe(200);
    const checkout = await buy("500");
    for (const event of stripe.pay(checkout)) await tell(event);
    const opening = { address: `0x${randomUUID().replaceAll("-", "").padEnd(40, "0")}`, deposit: "5.00" };
    const opened = await system.rest().call("/api/wallet/sessions", { body: opening });
    expect(opened.status).toBe(201);
    const left = await balance();
    const correct = (amount_micros: number, reference: string) =>
      operator.call("/admin/billing/corrections", { body: { organization_id: organizationId, amount_micros, reference }, headers });
    expect((await correct(-left, "spent")).status).toBe(200);
    await tell(stripe.dispute(checkout, "lost"));
    expect(await balance()).toBe(-500 * CENT);
    const changes = [await correct(7, "one"), await correct(7, "one"), await correct(-7, "two")].map(({ body }) => at(body, "done"));
    expect([changes, await balance(), (await correct(0, "three")).status]).toEqual([[true, false, true], -500 * CENT, 422]);

    const prompt = { prompt: "Hi" };
    const call = (more: Record<string, string>) =>
      system.rest().call("/api/v1/gateway", { body: prompt, headers: { "x-plugin-id": "generate-text", ...more } });
    const unpaid = await call({ "x-payment-method": "stripe" });
    expect(unpaid).toMatchObject({ status: 402, body: { error: "payment_required" } });
    // Cards are not charged less than half a dollar, and what they are charged becomes credits.
    expect([unpaid.headers.get("x-refused-by"), unpaid.body]).toEqual([
      "balance",
      {
        error: "payment_required",
        code: "payment_required",
        message: "The organization's balance is used up: it needs credits. Choose payment method: Stripe.",
        refusedBy: { kind: "balance" },
        stripe: { checkoutUrl: "/api/v1/payments/stripe/create?plugin=generate-text", amount: "0.50", currency: "usd", credits: "0.50" },
      },
    ]);
    const guest = await system.rest(0, null).call("/api/v1/gateway", { body: prompt, headers: { "x-plugin-id": "generate-text" } });
    expect([guest.status, guest.body]).toEqual([
      402,
      { error: "payment_required", code: "payment_required", message: "Payment required for generate-text." },
    ]);
    const another = { ...opening, address: `0x${"c".repeat(40)}` };
    const refused = await system.rest().call("/api/wallet/sessions", { body: another });
    expect([refused.status, refused.headers.get("x-refused-by"), refused.body]).toEqual([
      402,
      "balance",
      { error: "The organization's balance is used up: it needs credits.", refusedBy: { kind: "balance" } },
    ]);
    // What a wallet has set aside stays the wallet's; what its call would use besides cannot be paid, so that it is not made and costs nothing.
    const session = { "x-session-id": String(at(opened.body, "session", "id")), "x-wallet-address": opening.address };
    expect(await call(session)).toMatchObject({ status: 402, body: { error: "budget_exhausted" } });
    const kept = await system.rest().call(`/api/wallet/sessions?sessionId=${session["x-session-id"]}`);
    expect(kept.body).toMatchObject({ session: { spent: "0.00", remaining: "5.00" } });

    for (const event of stripe.pay(await buy())) await tell(event);
    expect(await balance()).toBe(500 * CENT);
    expect((await call(session)).headers.get("x-session-remaining")).toBe("4.99");
    expect((await system.rest().call("/api/wallet/sessions", { body: { ...another, deposit: "1.00" } })).status).toBe(201);
    await setMode("postpaid");
  });

  test("is refused where it is forged, altered, too old or unsigned, and books nothing", async () => {
    const [event] = stripe.pay(await buy());
    if (event === undefined) throw new Error("Nothing was told.");
    const other = new Stripe("sk_test_other").webhooks.generateTestHeaderString({ payload: event.body, secret: "whsec_other" });
    const old = stripe.event("checkout.session.completed", JSON.parse(event.body).data.object, 301);
    const change = await changeOf(async () => {
      for (const bad of [
        { ...event, signature: other },
        { ...event, body: event.body.replace('"amount_total":1000', '"amount_total":9000') },
        { ...event, signature: "" },
        old,
      ])
        expect(await tell(bad)).toMatchObject({ status: 400, body: { error: "Invalid signature" } });
    });
    expect(change).toBe(0);
  });

  test("however much it is, is counted by no limit of who has no key; what is not signed is", async () => {
    const door = await startReplica("api", {
      ...system.environment,
      LIMIT_ANONYMOUS_CALLS_MAX: "2",
      LIMIT_BAD_CREDENTIALS_MAX: "100",
      LIMIT_HOOK_BODY_BYTES_MAX: "65536",
    });
    try {
      const nothing = stripe.event("customer.created", {});
      const post = (signature: string, body = nothing.body) =>
        createRestClient(door.url, null).call(`${BASE}/webhook`, {
          body,
          headers: { "stripe-signature": signature, "content-type": "application/json" },
        });
      const statuses: number[] = [];
      for (let times = 0; times < 4; times++) statuses.push((await post(nothing.signature)).status);
      for (let times = 0; times < 3; times++) statuses.push((await post("")).status);
      // Others of this file have sent unsigned ones from the same address before.
      expect([statuses.slice(0, 4), statuses.at(-1)]).toEqual([[200, 200, 200, 200], 429]);
      // Nor is one that is too long to be looked at.
      expect((await post(nothing.signature, " ".repeat(65_537))).status).toBe(429);
    } finally {
      await door.close();
    }
  });

  test("that we cannot book is answered with a 5xx, so that it comes again: nobody knows that payment yet", async () => {
    const checkout = await buy();
    const dispute = stripe.dispute(checkout, "open");
    expect((await tell(dispute)).status).toBe(503);
    // Each outcome is counted, in the time of its answers.
    const { text } = await system.rest(0, null).call("/metrics");
    expect(text).toMatch(
      /^parley_http_request_seconds_count\{method="POST",route="\/api\/v1\/payments\/stripe\/webhook",status="503"\} 1$/m,
    );
    for (const event of stripe.pay(checkout)) await tell(event);
    expect(await changeOf(() => tell(dispute))).toBe(-1000 * CENT);
  });

  test("of something that is none of ours is taken note of, and changes nothing", async () => {
    const session = {
      object: "checkout.session",
      mode: "subscription",
      metadata: { type: "plan" },
      payment_status: "paid",
      currency: "usd",
    };
    expect(await changeOf(async () => expect((await tell(stripe.event("checkout.session.completed", session))).status).toBe(200))).toBe(0);
    expect((await tell(stripe.event("customer.created", {}))).status).toBe(200);
  });
});
