import { randomBytes } from "node:crypto";
import {
  at,
  createRestClient,
  type Replica,
  type RestAnswer,
  type SignedEvent,
  type StripeServer,
  type System,
  startReplica,
  startStripeServer,
  startSystem,
} from "@parley/testkit";
import { type Challenge, Receipt } from "mppx";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { giveCredits, namesIn, offersBeside, offersIn, openSession, paidWith, setPrice } from "./offers-beside.ts";

const PATH = "/api/v1/gateway";
const PROBLEMS = "https://paymentauth.org/problems/";

let stripe: StripeServer;
let system: System;
/** The second process sells to guests in our name. */
let second: Replica;
let sql: postgres.Sql;
beforeAll(async () => {
  stripe = await startStripeServer();
  const env = {
    STRIPE_SECRET_KEY: stripe.key,
    STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
    STRIPE_API_URL: stripe.url,
    STRIPE_NETWORK_ID: "profile_test",
    MPP_SECRET_KEY: randomBytes(32).toString("hex"),
    MPP_RECIPIENT: "0x00000000000000000000000000000000000a9e77",
    // Nobody is asked: offers are made without a chain.
    MPP_RPC_URL: "http://127.0.0.1:9",
    LIMIT_SOLD_CALLS_MAX: "100000",
  };
  system = await startSystem({ allow: [stripe.host], env });
  second = await startReplica("api", { ...system.environment, PAYMENTS_ORGANIZATION_ID: system.ours.organizationId });
  sql = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  await system.ours.newAgent();
  system.model.otherwise({ text: ["Hello"] });
  await setPrice(sql, system.ours);
});
afterAll(async () => {
  await sql?.end();
  await second?.close();
  await system?.close();
  await stripe?.close();
});

const BODY = { message: "Hi" };
const call = (headers: Record<string, string> = {}, body: object = BODY, api = 0): Promise<RestAnswer> =>
  createRestClient((api === 0 ? system.apis[0] : second)?.url ?? "", system.ours.apiKey).call(PATH, {
    ...{ body, headers: { "x-payment-method": "mpp", ...headers } },
  });
async function offered(): Promise<Challenge.Challenge> {
  const [challenge] = offersIn(await call({ "accept-payment": "stripe/charge" }));
  if (challenge === undefined) throw new Error("Nothing was offered.");
  return challenge;
}

const chargedWith = (spt: string) => [...stripe.charges.values()].filter(({ token }) => token === spt);

/** What the ledger has of it: as revenue, all together. */
async function earned(): Promise<number> {
  const [row] = await sql`select coalesce(sum(amount_micros), 0)::int as sum from ledger_entries
    where source_type in ('payment', 'refund') and account = 'revenue'`;
  return Number(row?.["sum"]);
}

describe("offers", () => {
  test("are filtered and ordered by what the payer accepts", async () => {
    expect(namesIn(await call())).toEqual(["tempo/charge", "stripe/charge"]);
    expect(namesIn(await call({ "accept-payment": "tempo/charge;q=0.4, stripe/charge" }))).toEqual(["stripe/charge", "tempo/charge"]);
    expect(namesIn(await call({ "accept-payment": "tempo/*" }))).toEqual(["tempo/charge"]);
    expect(namesIn(await call({ "accept-payment": "*/*, tempo/charge;q=0" }))).toEqual(["stripe/charge"]);
  });

  test("are all made where nothing of them is accepted, or nothing can be read: who must pay is told how", async () => {
    for (const header of ["evm/charge", "tempo/charge;q=9", "\u00e9"])
      expect(namesIn(await call({ "accept-payment": header }))).toEqual(["tempo/charge", "stripe/charge"]);
  });

  test("are not made by card below half a dollar", async () => {
    const cheap = { "x-plugin-id": "generate-text" };
    expect(namesIn(await call(cheap, { prompt: "Hi" }))).toEqual(["tempo/charge"]);
    expect(namesIn(await call({ ...cheap, "accept-payment": "stripe/charge" }, { prompt: "Hi" }))).toEqual(["tempo/charge"]);
  });

  test("by card name the price in cents and whom the token is shared with, and no address for the other dialect", async () => {
    const answer = await call({ "accept-payment": "stripe/charge" });
    expect(offersIn(answer)[0]).toMatchObject({
      request: { amount: "75", currency: "usd", methodDetails: { networkId: "profile_test", paymentMethodTypes: ["card", "link"] } },
    });
    // There is no checkout where nobody could come back from it; the call itself is sold.
    const { body } = answer;
    expect([body, "stripe" in (body as object)]).toMatchObject([
      { error: "payment_required", message: expect.stringMatching(/: Stripe\.$/) },
      false,
    ]);
    expect(at(answer.body, "mpp")).toBeUndefined();
  });

  test("stand beside whatever a call without a good session is refused with, as the standard's problems; of one that cannot be made there are none", async () => {
    await giveCredits(system, system.ours, 2_000_000);
    const session = await openSession(system, system.ours);
    const insession = (more: object, body: object = BODY) => call({ "x-payment-method": "session", ...more }, body);
    expect((await insession(session)).status).toBe(200);
    const refusals: [code: string, type: string, answer: RestAnswer, body: object][] = [
      ["payment_required", "payment-required", await call(), { mpp: { amount: "0.75" } }],
      ["session_required", "payment-required", await insession({}), { mpp: { amount: "0.75" } }],
      ["session_invalid", "payment-required", await insession({ ...session, "x-session-id": `ses_${"0".repeat(24)}` }), {}],
      ["insufficient_balance", "session/insufficient-balance", await insession(session), { session: { remaining: "0.25", cost: "0.75" } }],
      ["voucher_failed", "verification-failed", await insession({ ...session, "x-session-voucher": "e30" }), {}],
    ];
    for (const [error, type, answer, more] of refusals) {
      const kind = answer.headers.get("content-type");
      expect([error, answer.status, kind, namesIn(answer)]).toEqual([
        error,
        402,
        "application/problem+json",
        ["tempo/charge", "stripe/charge"],
      ]);
      const { message } = answer.body as { message: string };
      expect(answer.body).toMatchObject({ error, code: error, type: `${PROBLEMS}${type}`, status: 402, detail: message, ...more });
    }
    for (const [headers, status, error] of [[session, 400, "bad_request"] as const, [{}, 402, "session_required"] as const]) {
      const answer = await insession(headers, {});
      expect(answer).toMatchObject({ status, body: { error } });
      expect(answer.headers.get("www-authenticate")).toBeNull();
    }
    // Nothing that is paid here would be work for who may use no more of their own.
    const budget = { scope: "organization", period: "day", limit_micros: 0 };
    const set = await system.rest().call("/api/billing/budgets", { body: budget });
    const none = await insession({});
    await system.rest().call(`/api/billing/budgets/${String(at(set.body, "id"))}`, { method: "DELETE" });
    expect(none).toMatchObject({ status: 402, body: { error: "session_required" } });
    expect([none.headers.get("content-type"), offersIn(none)]).toEqual(["application/json; charset=utf-8", []]);
  });

  offersBeside(() => ({ system, second, sql, chargedWith }));
});

describe("a card's token", () => {
  test("shown 20 times at once to two processes is charged once and buys once; shown later it gets the same answer", async () => {
    const before = await earned();
    const credential = paidWith(await offered(), "spt_many");
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => call(credential, BODY, index % 2)));
    for (const { status } of answers) expect([200, 503]).toContain(status);
    const again = await call(credential, BODY, 1);
    expect(again).toMatchObject({ status: 200, body: { payment: { method: "mpp" }, data: { reply: "Hello" } } });
    for (const { body } of answers.filter(({ status }) => status === 200)) expect(body).toEqual(again.body);
    const receipt = Receipt.deserialize(again.headers.get("payment-receipt") ?? "");
    expect(chargedWith("spt_many")).toMatchObject([{ id: receipt.reference, amountCents: 75, refundedCents: 0 }]);
    expect(await earned()).toBe(before + 750_000);
  });

  test("is for one plugin and one body, and its price cannot be altered", async () => {
    const challenge = await offered();
    const credential = paidWith(challenge, "spt_other");
    const altered = { ...challenge, request: { ...challenge.request, amount: "1" } } as Challenge.Challenge;
    for (const refused of [
      await call({ ...credential, "x-plugin-id": "generate-text" }, { prompt: "Hi" }),
      await call(credential, { message: "Another" }),
      await call(paidWith(altered, "spt_other")),
    ]) {
      expect(refused).toMatchObject({ status: 402, body: { type: `${PROBLEMS}invalid-challenge` } });
      expect(offersIn(refused).length).toBeGreaterThan(0);
    }
    expect(chargedWith("spt_other")).toEqual([]);
  });

  test("for what another organization has offered buys nothing of one's own, and takes nothing; there it is good still", async () => {
    const theirs = await system.newTenant("theirs");
    await theirs.newAgent();
    const credential = paidWith(await offered(), "spt_elsewhere");
    const before = await earned();
    const shown = () => system.rest(0, theirs.apiKey).call(PATH, { body: BODY, headers: { "x-payment-method": "mpp", ...credential } });
    expect(await shown()).toMatchObject({ status: 402, body: { type: `${PROBLEMS}invalid-challenge` } });
    expect([chargedWith("spt_elsewhere").length, await earned()]).toEqual([0, before]);
    expect((await call(credential)).status).toBe(200);
    expect(await shown()).toMatchObject({ status: 402, body: { type: `${PROBLEMS}invalid-challenge` } });
  });

  test("that is declined, or wants its holder, is refused without Stripe's words, and another may be shown", async () => {
    const challenge = await offered();
    const declined = await call(paidWith(challenge, "spt_declined"));
    expect(declined).toMatchObject({ status: 402, body: { type: `${PROBLEMS}verification-failed`, challengeId: challenge.id } });
    expect(declined.text).not.toContain(stripe.key);
    expect(await call(paidWith(challenge, "spt_action"))).toMatchObject({ body: { type: `${PROBLEMS}payment-action-required` } });
    expect((await call(paidWith(challenge, "spt_good"))).status).toBe(200);
  });

  test("whose charge was made and not heard of is not charged again: the same credential gets what was paid for", async () => {
    const before = await earned();
    const credential = paidWith(await offered(), "spt_lost");
    stripe.loseNext = 3;
    const pending = await call(credential);
    expect(pending).toMatchObject({ status: 503, body: { error: "payment_pending" } });
    expect(pending.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect((await call(credential)).status).toBe(200);
    expect(chargedWith("spt_lost")).toMatchObject([{ refundedCents: 0 }]);
    expect(await earned()).toBe(before + 750_000);
  });

  test("is paid back once where the work fails, and then buys nothing more", async () => {
    const before = await earned();
    const credential = paidWith(await offered(), "spt_failed");
    system.model.script({ status: 400, error: { message: "no" } });
    expect(await call(credential)).toMatchObject({ status: 502, body: { error: "plugin_failed" } });
    await expect.poll(() => chargedWith("spt_failed")).toMatchObject([{ refundedCents: 75 }]);
    await expect.poll(earned).toBe(before);
    const again = await call(credential);
    expect(again).toMatchObject({ status: 402, body: { detail: expect.stringContaining("paid back") } });
    expect(offersIn(again).length).toBeGreaterThan(0);
    expect(await sql`select organization_id from ledger_entries group by 1 having sum(amount_micros) <> 0`).toEqual([]);
  });

  test("that is owed money when Stripe is away, or whose payer never comes back, is paid by a job", async () => {
    const before = await earned();
    const [failed, left] = [await offered(), await offered()];
    const asked = stripe.requests.filter((request) => request.endsWith("/refunds")).length;
    stripe.refusesRefunds = true;
    system.model.script({ status: 400, error: { message: "no" } });
    expect((await call(paidWith(failed, "spt_owed"))).status).toBe(502);
    expect(await sql`select state from payment_challenges where id = ${failed.id}`).toEqual([{ state: "refunding" }]);
    system.model.script({ status: 400, error: { message: "no" } });
    expect((await call(paidWith(left, "spt_left"))).status).toBe(502);
    // Each was tried three times, by whoever told of the failure.
    await expect.poll(() => stripe.requests.filter((request) => request.endsWith("/refunds")).length - asked, { timeout: 20_000 }).toBe(6);
    // As it is where the process dies that did the work.
    await sql`update payment_challenges set touched_at = now() - interval '2 hours', state = 'running' where id = ${left.id}`;
    await sql`update payment_challenges set due_at = now() where id = ${failed.id}`;
    // The worker is refused, too, and asks again by itself.
    await expect
      .poll(() => stripe.requests.filter((request) => request.endsWith("/refunds")).length - asked, { timeout: 20_000 })
      .toBeGreaterThan(11);
    stripe.refusesRefunds = false;
    for (const spt of ["spt_owed", "spt_left"])
      await expect.poll(() => chargedWith(spt), { timeout: 20_000 }).toMatchObject([{ refundedCents: 75 }]);
    await expect.poll(earned).toBe(before);
  });

  test("whose refund Stripe has refused has it under another key later, and under the same one while nobody knows what has become of it", async () => {
    const before = await earned();
    const challenge = await offered();
    const askedFor = () => stripe.refundKeys.filter(({ paymentIntent }) => paymentIntent === chargedWith("spt_refused")[0]?.id);
    const standing = async () => (await sql`select state, refund_refusals from payment_challenges where id = ${challenge.id}`)[0];
    const comesDue = () => sql`update payment_challenges set due_at = now() where id = ${challenge.id}`;
    stripe.refusesRefunds = true;
    system.model.script({ status: 400, error: { message: "no" } });
    expect((await call(paidWith(challenge, "spt_refused"))).status).toBe(502);
    await expect.poll(() => askedFor().length, { timeout: 20_000 }).toBe(3);
    expect(await standing()).toEqual({ state: "refunding", refund_refusals: 0 });

    stripe.declinesRefunds = true;
    stripe.refusesRefunds = false;
    await comesDue();
    await expect.poll(standing, { timeout: 20_000 }).toEqual({ state: "refunding", refund_refusals: 1 });
    // As by a process that was told of the same refusal.
    const told = { organizationId: system.ours.organizationId, id: challenge.id, refusals: 0 };
    expect((await sql`select note_refused_refund(${sql.json(told)}) as noted`)[0]).toEqual({ noted: false });

    stripe.declinesRefunds = false;
    await comesDue();
    await expect.poll(standing, { timeout: 20_000 }).toEqual({ state: "refunded", refund_refusals: 1 });
    const charge = chargedWith("spt_refused");
    expect(charge).toMatchObject([{ refundedCents: 75 }]);
    expect([...new Set(askedFor().map(({ key }) => key))]).toEqual([`refund_${charge[0]?.id}`, `refund_${charge[0]?.id}_1`]);
    await expect.poll(earned).toBe(before);
  });

  /** Bought and answered: what was charged, and what the ledger has of it. */
  async function bought(spt: string): Promise<string> {
    expect((await call(paidWith(await offered(), spt))).status).toBe(200);
    return chargedWith(spt)[0]?.id ?? "";
  }
  const tell = async (...events: SignedEvent[]): Promise<void> => {
    for (const { body, signature } of events) {
      const headers = { "stripe-signature": signature, "content-type": "application/json" };
      expect((await system.rest(0, null).call("/api/v1/payments/stripe/webhook", { body, headers })).status).toBe(200);
    }
  };

  test("that was disputed or paid back by hand is earned as far as it was kept, in any order and however often it is told", async () => {
    const shuffles = [
      [0, 1, 2, 3, 4],
      [4, 3, 2, 1, 0],
      [3, 0, 4, 1, 2, 2, 0],
    ];
    for (const [index, order] of shuffles.entries()) {
      const before = await earned();
      const charge = await bought(`spt_disputed_${index}`);
      const part = (name: string, cents: number) => ({ name, cents });
      const events = [
        stripe.dispute(charge, "open", part("won", 30)),
        stripe.dispute(charge, "won", part("won", 30)),
        stripe.refund(charge, 15),
        stripe.dispute(charge, "open", part("lost", 20)),
        stripe.dispute(charge, "lost", part("lost", 20)),
      ];
      await tell(...order.map((place) => events[place] as SignedEvent));
      expect([order, await earned()]).toEqual([order, before + 400_000]);
    }
    expect(await sql`select organization_id from ledger_entries group by 1 having sum(amount_micros) <> 0`).toEqual([]);
  });

  test("that was paid back is booked once, whether Stripe or we hear of it first", async () => {
    const before = await earned();
    system.model.script({ status: 400, error: { message: "no" } });
    expect((await call(paidWith(await offered(), "spt_twice"))).status).toBe(502);
    await expect.poll(() => chargedWith("spt_twice")).toMatchObject([{ refundedCents: 75 }]);
    const charge = chargedWith("spt_twice")[0]?.id ?? "";
    await tell(stripe.refund(charge, 75), stripe.refund(charge, 75));
    await expect.poll(() => sql`select state from payment_challenges where reference = ${charge}`).toEqual([{ state: "refunded" }]);
    expect(await earned()).toBe(before);
  });

  test("that is owed money which a dispute has taken back already is owed nothing more, and nobody is asked for a refund again", async () => {
    const before = await earned();
    stripe.refusesRefunds = true;
    system.model.script({ status: 400, error: { message: "no" } });
    expect((await call(paidWith(await offered(), "spt_taken"))).status).toBe(502);
    const charge = chargedWith("spt_taken")[0]?.id ?? "";
    await tell(stripe.dispute(charge, "open"));
    expect([await earned(), (await sql`select state from payment_challenges where reference = ${charge}`)[0]]).toEqual([
      before,
      { state: "refunding" },
    ]);
    await tell(stripe.dispute(charge, "lost"));
    stripe.refusesRefunds = false;
    expect(await sql`select state from payment_challenges where reference = ${charge}`).toEqual([{ state: "refunded" }]);
    expect([await earned(), chargedWith("spt_taken")]).toMatchObject([before, [{ refundedCents: 0 }]]);
  });

  test("whose event is told before the charge was heard of is told again: nothing is lost", async () => {
    const before = await earned();
    const challenge = await offered();
    stripe.loseNext = 3;
    expect((await call(paidWith(challenge, "spt_early"))).status).toBe(503);
    const dispute = stripe.dispute(chargedWith("spt_early")[0]?.id ?? "", "open", { name: "early", cents: 25 });
    const headers = { "stripe-signature": dispute.signature, "content-type": "application/json" };
    const first = await system.rest(0, null).call("/api/v1/payments/stripe/webhook", { body: dispute.body, headers });
    expect(first.status).toBe(503);
    expect((await call(paidWith(challenge, "spt_early"))).status).toBe(200);
    await tell(dispute);
    expect(await earned()).toBe(before + 500_000);
  });
});
