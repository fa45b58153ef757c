import { randomUUID } from "node:crypto";
import { openDatabase } from "@parley/db";
import type { CardEvent, CardFact, OfferedMethod, PaymentStore } from "@parley/domain";
import { type FreshDatabase, freshDatabase } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const AT = "2026-01-01T00:00:00.000Z";
const DOLLAR = 1_000_000;

let fresh: FreshDatabase;
let database: ReturnType<typeof openDatabase>;
let payments: PaymentStore;
let owner: postgres.Sql;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, pool: 5, prepare: true, applicationName: "test" });
  payments = database.payments;
  owner = postgres(fresh.ownerUrl, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await Promise.all([database?.close(), owner?.end()]);
  await fresh?.drop();
});

async function organization(): Promise<string> {
  const id = randomUUID();
  await database.organizations.create({ id, name: "books" });
  return id;
}

const balanceOf = async (id: string): Promise<number> => (await database.billing.account(id)).balanceMicros;

/** Calls `name` in a transaction that ends only when `then` has begun, and waits for a lock or is done. */
async function whileOpen(name: string, input: object, then: () => Promise<unknown>): Promise<void> {
  let later: Promise<unknown> | undefined;
  let isDone = false;
  await owner.begin(async (tx) => {
    await tx`select ${tx(name)}(${tx.json({ ...input })})`;
    later = then().finally(() => {
      isDone = true;
    });
    const waiting = async () =>
      isDone || (await owner`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`).length > 0;
    await expect.poll(waiting, { timeout: 10_000, interval: 10 }).toBe(true);
  });
  await later;
}

describe("what is told at the same moment", () => {
  const eventOf = (paymentId: string, fact: CardFact): CardEvent => ({
    id: `evt_${randomUUID()}`,
    type: "t",
    createdAt: AT,
    paymentId,
    fact,
  });

  test("of two disputes of one payment takes both off", async () => {
    const organizationId = await organization();
    const paymentId = `pi_${randomUUID()}`;
    const paid: CardFact = { kind: "paid", organizationId, paidMicros: 10 * DOLLAR, customerId: null };
    await payments.takeCardEvent(organizationId, eventOf(paymentId, paid));
    const [one, other] = [1, 2].map((dollars) => {
      const disputeId = `dp_${randomUUID()}`;
      return eventOf(paymentId, { kind: "disputed", disputeId, disputedMicros: dollars * DOLLAR });
    });
    if (one === undefined || other === undefined) throw new Error("Two are told.");
    const { fact, ...facts } = one;
    await whileOpen("take_card_event", { ...facts, ...fact, organizationId }, () => payments.takeCardEvent(organizationId, other));
    expect(await balanceOf(organizationId)).toBe(7 * DOLLAR);
  });

  test("of a month and of what was paid back of it comes to the rest", async () => {
    const organizationId = await organization();
    const [paymentId, invoiceId] = [`pi_${randomUUID()}`, `in_${randomUUID()}`];
    const { fact, ...facts } = eventOf(paymentId, { kind: "refunded", organizationId: null, refundedMicros: 10 * DOLLAR });
    const month = {
      ...{ id: `evt_${randomUUID()}`, type: "invoice.paid", createdAt: AT, organizationId, subscriptionId: `sub_${randomUUID()}` },
      ...{ plan: "solo", status: "active", customerId: null, step: 1, kind: "invoice_paid" as const },
      ...{ invoiceId, paidMicros: 20 * DOLLAR, creditMicros: 20 * DOLLAR },
    };
    await whileOpen("take_card_event", { ...facts, ...fact, organizationId, invoiceId }, () => payments.takePlanEvent(month));
    expect(await balanceOf(organizationId)).toBe(10 * DOLLAR);
  });
});

describe("an offer", () => {
  /** One that somebody has shown a credential for, and what may be done with it. */
  async function shown(method: OfferedMethod = "tempo/charge") {
    const organizationId = await organization();
    const key = { organizationId, id: randomUUID() };
    const order = { plugin: "agent", digest: "d" };
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    await payments.offerChallenge({ ...key, ...order, method, amountMicros: DOLLAR, challenge: {}, expiresAt });
    const claim = (credential = "one", leaseMs = -1) =>
      payments.claimChallenge({ ...key, ...order, credential, shown: credential, leaseMs });
    const first = await claim();
    expect(first).toMatchObject({ outcome: "verify", epoch: 1 });
    return {
      ...{ key, claim },
      paid: (epoch: number, reference: string = key.id) =>
        payments.verifyChallenge({ ...key, epoch, outcome: "paid", reference, payer: null, receipt: "r" }),
      found: (epoch: number, outcome: "refused" | "absent" | "unknown") => payments.verifyChallenge({ ...key, epoch, outcome }),
      finish: (epoch: number, answer: object | null) => payments.finishChallenge({ ...key, epoch, answer }),
      expire: () => owner`update payment_challenges set expires_at = now() - interval '1 second' where id = ${key.id}`,
      state: async () => (await owner<{ state: string }[]>`select state from payment_challenges where id = ${key.id}`)[0]?.state,
    };
  }

  async function dueInMs(id: string): Promise<number> {
    const [row] = await owner<{ ms: number }[]>`select extract(epoch from due_at - clock_timestamp())::float8 * 1000 as ms
      from payment_challenges where id = ${id}`;
    return row?.ms ?? 0;
  }

  test("that another one has taken over is neither noted nor finished by who had it before", async () => {
    const { claim, paid, found, finish, state } = await shown();
    expect(await claim()).toMatchObject({ outcome: "verify", epoch: 2 });
    expect([await paid(1), await found(1, "refused"), await state()]).toEqual(["lost", "lost", "verifying"]);
    expect(await paid(2)).toBe("kept");
    expect(await claim()).toMatchObject({ outcome: "run", epoch: 3 });
    expect([await finish(2, { a: 1 }), await state()]).toEqual([{ refund: null, kept: false }, "running"]);
    for (let times = 0; times < 2; times++) expect(await finish(3, { a: 2 })).toEqual({ refund: null, kept: true });
    expect(await claim()).toEqual({ outcome: "done", answer: { a: 2 } });
  });

  test("of which one is at it is nobody else's, however often it is shown; another credential is none", async () => {
    const { claim, paid } = await shown();
    expect(await claim("one", 60_000)).toEqual({ outcome: "busy" });
    await paid(1);
    expect([await claim("one", 60_000), await claim("other")]).toEqual([{ outcome: "busy" }, { outcome: "mismatch" }]);
  });

  test("whose payment was refused takes another until it expires; one that was not found may be shown later, too", async () => {
    const refused = await shown();
    expect(await refused.found(1, "refused")).toBe("kept");
    expect(await refused.claim("other")).toMatchObject({ outcome: "verify", epoch: 2 });
    expect(await refused.found(2, "refused")).toBe("kept");
    await refused.expire();
    expect(await refused.claim("other")).toEqual({ outcome: "expired" });
    const absent = await shown();
    await absent.found(1, "absent");
    await absent.expire();
    expect([await absent.claim("other"), await absent.claim()]).toMatchObject([{ outcome: "expired" }, { outcome: "verify" }]);
  });

  test("of unknown outcome is looked for later and later, and by one at a time", async () => {
    const { key, found } = await shown();
    const take = () => payments.takeUnknown({ ...key, quietMs: 60_000 });
    let before = 0;
    for (let epoch = 1; epoch < 4; epoch++) {
      expect(await found(epoch, "unknown")).toBe("kept");
      const wait = await dueInMs(key.id);
      expect(wait).toBeGreaterThan(before);
      before = wait;
      expect(await take()).toBeNull();
      await owner`update payment_challenges set due_at = now() - interval '1 second' where id = ${key.id}`;
      expect([await take(), await take()]).toMatchObject([{ epoch: epoch + 1 }, null]);
    }
    expect(before).toBeGreaterThan(10_000);
  });

  test("that cannot be looked for is put off as it is taken, later and later, so that it is in no other's way", async () => {
    const { key } = await shown();
    const waits: number[] = [];
    for (let times = 0; times < 4; times++) {
      await owner`update payment_challenges set due_at = now() - interval '1 second', touched_at = now() - interval '1 minute' where id = ${key.id}`;
      expect(await payments.takeUnknown({ ...key, quietMs: 45_000 })).toMatchObject({ epoch: times + 2 });
      waits.push(await dueInMs(key.id));
    }
    expect(waits).toEqual(waits.toSorted((one, other) => one - other));
    expect(waits.at(-1)).toBeGreaterThan(45_000);
  });

  test("whose work can never be done is paid back by hand: booked once, by one transfer, and then nothing is owed of it", async () => {
    const { key, paid, claim, finish, state } = await shown();
    const payBack = (reference = "0xback") => payments.payBackByHand({ ...key, reference });
    await expect(payBack()).rejects.toMatchObject({ code: "payment_not_owed" });
    await paid(1);
    await expect(payBack()).rejects.toMatchObject({ code: "payment_not_owed" });
    await finish(1, null);
    await expect(payments.payBackByHand({ ...key, organizationId: await organization(), reference: "0xback" })).rejects.toMatchObject({
      code: "not_found",
    });
    expect(await Promise.all([payBack(), payBack()])).toEqual(expect.arrayContaining([true, false]));
    await expect(payBack("0xother")).rejects.toMatchObject({ code: "idempotency_mismatch" });
    expect([await state(), await claim()]).toEqual(["refunded", { outcome: "refunded" }]);
    const { accounts } = await database.billing.account(key.organizationId);
    expect(accounts).toMatchObject({ revenue: 0, clearing: 0 });
    expect(await database.billing.check(key.organizationId)).toMatchObject({ ok: true, problems: [] });
    const card = await shown("stripe/charge");
    await card.paid(1);
    await expect(payments.payBackByHand({ ...card.key, reference: "0xback" })).rejects.toMatchObject({ code: "not_found" });
  });

  test("is paid back once where its work failed, or nobody came back for it, and never where it was done", async () => {
    const owed = (key: { organizationId: string; id: string }, leftMs: number) => payments.takeOwed({ ...key, leftMs });
    const failed = await shown("stripe/charge");
    await failed.paid(1);
    expect(await failed.finish(1, null)).toMatchObject({ refund: { reference: failed.key.id }, kept: true });
    // Whoever was told of it makes it: a job only where that was not heard of for a while.
    expect(await owed(failed.key, 0)).toBeNull();
    expect([await payments.refundChallenge(failed.key), await payments.refundChallenge(failed.key)]).toEqual([true, false]);
    const left = await shown("stripe/charge");
    await left.paid(1);
    expect(await owed(left.key, 60_000)).toBeNull();
    expect(await owed(left.key, -1)).toMatchObject({ reference: left.key.id });
    expect(await owed(left.key, -1)).toBeNull();
    const done = await shown("stripe/charge");
    await done.paid(1);
    await done.finish(1, {});
    expect([await owed(done.key, -1), await payments.refundChallenge(done.key), await done.state()]).toEqual([null, false, "done"]);
  });

  test("pays for one call: what has paid for another buys nothing, and another payment may be shown", async () => {
    const [one, other] = [await shown(), await shown()];
    const reference = `0x${randomUUID()}`;
    expect([await one.paid(1, reference), await other.paid(1, reference), await other.state()]).toEqual(["kept", "used", "open"]);
    expect(await other.claim("other")).toMatchObject({ outcome: "verify" });
  });
});

test("an offer for which nothing was shown goes shortly after it was good; what was shown stays", async () => {
  const organizationId = await organization();
  const offer = (id: string, minutes: number, credential: string | null = null) => owner`
    insert into payment_challenges (id, organization_id, plugin, amount_micros, body_digest, challenge, expires_at, credential)
    values (${id}, ${organizationId}, 'agent', 1, 'd', '{}', now() - ${minutes} * interval '1 minute', ${credential})`;
  await offer("never shown", 6);
  await offer("shown", 6, "c");
  await offer("just over", 1);
  await offer("good", -60);
  await owner`select forget_offers(100)`;
  const left = await owner<{ id: string }[]>`select id from payment_challenges where organization_id = ${organizationId} order by id`;
  expect(left.map(({ id }) => id)).toEqual(["good", "just over", "shown"]);
});

describe("a session", () => {
  async function opened(depositMicros: number) {
    const organizationId = await organization();
    const [id, wallet] = [`ses_${randomUUID()}`, `0x${randomUUID()}`];
    await payments.openSession({ organizationId, principalId: "key_one", id, wallet, depositMicros, from: "credits" });
    const reserve = (amountMicros: number, signedMicros: number | null, nonce: string = randomUUID(), purchase: string = nonce) =>
      payments.reserveInSession({
        ...{ organizationId, id: purchase, sessionId: id, wallet, plugin: "agent", amountMicros, nonce },
        ...{ signature: null, signedMicros, callKey: null, quietMs: 60_000 },
      });
    const end = (purchase: string, capture: boolean) => payments.endPurchase({ organizationId, id: purchase, capture });
    return { key: { organizationId, id }, reserve, end };
  }

  test("takes the voucher of a call that failed again: its money went back, and so did its nonce", async () => {
    const { key, reserve, end } = await opened(DOLLAR);
    const ask = async (id: string) => (await reserve(10_000, null, "again", id)).outcome;
    const [failed, again] = [randomUUID(), randomUUID()];
    expect([await ask(failed), await ask(randomUUID())]).toEqual(["reserved", "used"]);
    expect(await end(failed, false)).toBe(true);
    expect((await Promise.all([ask(again), ask(again)])).toSorted()).toEqual(["reserved", "used"]);
    expect([await end(again, true), await ask(randomUUID())]).toEqual([true, "used"]);
    const [session] = await payments.listSessions(key.organizationId, { id: key.id, limit: 1 });
    expect(session).toMatchObject({ spentMicros: 10_000, reservedMicros: 0 });
  });

  test("pays nothing where the call's key has passed to somebody else: nobody would be given the answer", async () => {
    const { key, reserve } = await opened(DOLLAR);
    const { organizationId } = key;
    const call = { organizationId, principalId: "key_one", route: "gateway.invoke", idempotencyKey: randomUUID(), bodyHash: "00" };
    const { bodyHash: _, ...under } = call;
    const claim = (token: string, holdMs: number) => database.repeats.claim(call, { token, holdMs });
    const end = (id: string, token: string) =>
      payments.endPurchase({ organizationId, id, capture: true, keep: { ...under, token, answer: { by: token } } });
    const [slow, quick] = [randomUUID(), randomUUID()];
    const [left, done] = [randomUUID(), randomUUID()];
    expect(await claim(slow, -1)).toMatchObject({ state: "claimed" });
    await reserve(10_000, null, left);
    expect(await claim(quick, 60_000)).toMatchObject({ state: "claimed" });
    expect(await end(left, slow)).toBe(false);
    await reserve(10_000, null, done);
    expect(await end(done, quick)).toBe(true);
    // Asked again, each is what it was.
    expect([await end(left, slow), await end(done, quick)]).toEqual([false, true]);
    expect(await claim(randomUUID(), 60_000)).toEqual({ state: "done", answer: { by: quick } });
    const [session] = await payments.listSessions(organizationId, { id: key.id, limit: 1 });
    expect(session).toMatchObject({ spentMicros: 10_000, reservedMicros: 0 });
    expect(await database.billing.check(organizationId)).toMatchObject({ ok: true });
  });

  test("says whether its wallet has signed for too little, or there is too little of it", async () => {
    const { reserve } = await opened(100);
    expect(await reserve(100, 50)).toMatchObject({ outcome: "unsigned" });
    expect(await reserve(101, 50)).toMatchObject({ outcome: "insufficient", remainingMicros: 100 });
    expect(await reserve(100, 100)).toMatchObject({ outcome: "reserved", remainingMicros: 0 });
  });

  test("says whether it pays once others let go of what they hold, and whether what was signed has paid already", async () => {
    const { reserve, end } = await opened(100);
    const first = randomUUID();
    await reserve(60, 60, first);
    // The same call again, while it is under way, and another: for both there is enough if the first is let go.
    expect(await reserve(60, 60)).toMatchObject({ outcome: "insufficient", mayWait: true, isSpent: false });
    expect(await reserve(40, 60)).toMatchObject({ outcome: "unsigned", mayWait: true, isSpent: false });
    expect(await reserve(101, null)).toMatchObject({ outcome: "insufficient", mayWait: false, isSpent: false });
    expect(await reserve(100, 90)).toMatchObject({ outcome: "insufficient", mayWait: false, isSpent: false });
    await end(first, true);
    for (const amount of [60, 40]) expect(await reserve(amount, 60)).toMatchObject({ mayWait: false, isSpent: true });
    expect(await reserve(40, 99)).toMatchObject({ outcome: "unsigned", mayWait: false, isSpent: false });
  });

  test("that is closed says as before what has paid in it, and is no session to anything else", async () => {
    const { key, reserve, end } = await opened(100);
    const [paid, underWay] = [randomUUID(), randomUUID()];
    await reserve(20, null, paid);
    await end(paid, true);
    await reserve(30, null, underWay);
    await owner`update wallet_sessions set status = 'closing' where id = ${key.id}`;
    expect(await reserve(20, null, paid)).toEqual({ outcome: "used" });
    expect(await reserve(30, null, underWay)).toEqual({ outcome: "used", underWay: true });
    expect(await reserve(30, 50)).toEqual({ outcome: "invalid", isSpent: true });
    expect([await reserve(30, 51), await reserve(30, null)]).toEqual(Array(2).fill({ outcome: "invalid", isSpent: false }));
  });

  test("holds so much and no more, of what is not spent", async () => {
    const { key, reserve } = await opened(60);
    const topUp = (depositMicros: number) =>
      payments.topUpSession({ ...key, step: randomUUID(), depositMicros, depositMaxMicros: 100, from: "credits" });
    await expect(topUp(41)).rejects.toMatchObject({ code: "limit_reached" });
    expect(await topUp(40)).toMatchObject({ depositMicros: 100 });
    const purchase = randomUUID();
    await reserve(30, null, purchase);
    await expect(topUp(1)).rejects.toMatchObject({ code: "limit_reached" });
    await payments.endPurchase({ organizationId: key.organizationId, id: purchase, capture: true });
    expect(await topUp(30)).toMatchObject({ depositMicros: 130, spentMicros: 30 });
  });

  test("that nobody uses ends when it is looked at, but for one that was used by then, or of which a call is under way", async () => {
    const { key, reserve } = await opened(60);
    const purchase = randomUUID();
    const expire = async (idleMs: number) => {
      await owner`update wallet_sessions set due_at = now() - interval '1 second' where id = ${key.id}`;
      return payments.expireSession({ ...key, idleMs });
    };
    await reserve(30, null, purchase);
    expect(await expire(-1)).toBe(false);
    await payments.endPurchase({ organizationId: key.organizationId, id: purchase, capture: true });
    expect(await expire(60_000)).toBe(false);
    expect(await payments.expireSession({ ...key, idleMs: -1 })).toBe(false);
    expect(await expire(-1)).toBe(true);
    expect(await database.billing.check(key.organizationId)).toMatchObject({ ok: true });
  });
});
