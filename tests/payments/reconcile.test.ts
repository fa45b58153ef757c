import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { at, forgetRedis, type RestAnswer, startReplica, type Tenant } from "@parley/testkit";
import { Challenge } from "mppx";
import type { Hex } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letTimePass } from "./settlement/crash.ts";
import { type Market, PRICE_MICROS, startMarket } from "./settlement/market.ts";
import { credentialFor, transferFor } from "./settlement/payers.ts";

const PATH = "/api/v1/gateway";
const WORKER = fileURLToPath(new URL("settlement/dying-worker.ts", import.meta.url));
/** Whatever is looked for, is looked for within some seconds. */
const SOON = { timeout: 60_000, interval: 100 };

let market: Market;
let tenant: Tenant;
beforeAll(async () => {
  market = await startMarket(2);
  for (const link of Object.values(market.links)) link.calm();
  tenant = await market.system.newTenant("reconciled");
});
afterAll(() => market?.close());

interface Payment {
  id: string;
  hash: Hex;
  show(): Promise<RestAnswer>;
  state(): Promise<string>;
  /** How often it is in the books. */
  booked(): Promise<number>;
}

/** A payment that the chain has heard of and that is in no block yet: shown once, and nobody knows what becomes of it. */
async function pendingPayment(): Promise<Payment> {
  const { system, sql } = market;
  const body = { plugin: "work", work: randomUUID() };
  const rest = system.rest(0, tenant.apiKey);
  const asked = await rest.call(PATH, { body, headers: { "x-payment-method": "mpp" } });
  const [challenge] = Challenge.fromResponseList(new Response(null, { status: 402, headers: asked.headers }));
  if (challenge === undefined) throw new Error(`Nothing was offered: ${asked.text}`);
  const { id } = challenge;
  const { from, hash } = transferFor(market, id, "pending");
  const payment: Payment = {
    ...{ id, hash },
    show: () => rest.call(PATH, { body, headers: { "payment-authorization": credentialFor(challenge, { from, hash }) } }),
    state: async () => String((await sql`select state from payment_challenges where id = ${id}`)[0]?.["state"]),
    booked: async () =>
      (await sql`select from ledger_entries where source_type = 'payment' and source_id = ${id} and account = 'revenue'`).length,
  };
  const shown = await payment.show();
  expect([shown.status, at(shown.body, "error")]).toEqual([503, "payment_pending"]);
  expect(Number(shown.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await payment.state()).toBe("unknown");
  return payment;
}

function ends(payment: Payment, state: "mined" | "reverted"): void {
  const transfer = market.chain.transfers.get(payment.hash);
  if (transfer === undefined) throw new Error("There is no such transfer.");
  transfer.state = state;
}

const forgetOrders = () => forgetRedis(market.system.environment["REDIS_URL"] ?? "", market.system.environment["REDIS_PREFIX"] ?? "");

test("a payment that is pending is looked for until it is in a block, also when the queue forgets it; then it is booked once, and its payer gets what was paid for", async () => {
  const payment = await pendingPayment();
  ends(payment, "mined");
  await letTimePass(market, tenant.organizationId);
  await forgetOrders();
  await expect.poll(payment.state, SOON).toBe("paid");
  expect(await payment.booked()).toBe(1);
  const answers = await Promise.all([payment.show(), payment.show()]);
  expect(answers.map(({ status }) => status)).toContain(200);
  expect((await payment.show()).status).toBe(200);
  expect([await payment.state(), await payment.booked()]).toEqual(["done", 1]);
});

test("a payment that is reverted ends as none: nothing is booked, and its payer is told why beside a fresh offer", async () => {
  const payment = await pendingPayment();
  ends(payment, "reverted");
  await letTimePass(market, tenant.organizationId);
  await expect.poll(payment.state, SOON).toBe("open");
  expect(await payment.booked()).toBe(0);
  expect(await payment.show()).toMatchObject({ status: 402, body: { type: "https://paymentauth.org/problems/verification-failed" } });
});

test("what two look for at once one takes up, and what an earlier look finds late changes nothing", async () => {
  const { sql } = market;
  const payment = await pendingPayment();
  const { organizationId } = tenant;
  const { id } = payment;
  // Nobody else looks meanwhile.
  await sql`update payment_challenges set due_at = now() - interval '1 second', touched_at = now() where id = ${id}`;
  const take = () =>
    sql<{ taken: { epoch: number } | null }[]>`select take_unknown_payment(${sql.json({ organizationId, id, quietMs: 60_000 })}) as taken`;
  const looks = (await Promise.all([take(), take()])).map(([row]) => row?.taken ?? null);
  const [first] = looks.filter((taken) => taken !== null);
  // The worker of this system may have been quicker than both.
  expect(looks.filter((taken) => taken !== null).length).toBeLessThanOrEqual(1);
  const early = first?.epoch ?? 1;
  await letTimePass(market, organizationId);
  ends(payment, "mined");
  await expect.poll(payment.state, SOON).toBe("paid");
  const late = { organizationId, id, epoch: early, outcome: "paid", reference: `late-${id}`, payer: null, receipt: "late", then: "paid" };
  const tell = async (more: object) => (await sql`select verify_challenge(${sql.json({ ...late, ...more })}) as said`)[0]?.["said"];
  expect([await tell({}), await tell({ outcome: "refused" }), await tell({ outcome: "unknown" })]).toEqual(["lost", "lost", "lost"]);
  expect([await payment.state(), await payment.booked()]).toEqual(["paid", 1]);
});

test("one payment pays for one call, also where two challenges show it", async () => {
  const [one, other] = [await pendingPayment(), await pendingPayment()];
  ends(one, "mined");
  await letTimePass(market, tenant.organizationId);
  await expect.poll(one.state, SOON).toBe("paid");
  await market.sql`update payment_challenges set due_at = now() + interval '1 hour' where id = ${other.id}`;
  await market.sql`update payment_challenges set state = 'verifying', touched_at = now(), epoch = epoch + 1 where id = ${other.id}`;
  const [claimed] = await market.sql<{ epoch: number }[]>`select epoch from payment_challenges where id = ${other.id}`;
  const found = {
    organizationId: tenant.organizationId,
    id: other.id,
    epoch: claimed?.epoch ?? 0,
    outcome: "paid",
    reference: one.hash,
    payer: null,
    receipt: "r",
  };
  expect((await market.sql`select verify_challenge(${market.sql.json(found)}) as said`)[0]).toEqual({ said: "used" });
  expect([await other.state(), await other.booked()]).toEqual(["open", 0]);
});

// Before anything is booked, and when it is.
test.each(["takeUnknown after", "verifyChallenge after"])(
  "a worker that is killed at its look (%s) leaves it to the next one: it is booked once",
  async (deadly) => {
    const { system } = market;
    const [worker] = system.workers;
    const payment = await pendingPayment();
    await worker?.kill();
    const dying = await startReplica("worker", { ...system.environment, DIE_AT: deadly }, WORKER);
    try {
      ends(payment, "mined");
      await letTimePass(market, tenant.organizationId);
      await dying.process.exited;
      // Its order stands in the queue as one that somebody is at; the queue may be lost besides.
      await forgetOrders();
      await letTimePass(market, tenant.organizationId);
      await worker?.restart();
      await expect.poll(payment.state, SOON).toBe("paid");
      expect(await payment.booked()).toBe(1);
    } finally {
      await dying.close();
    }
  },
);

test("a call that was left gives its money back, once, also where its answer comes too late", async () => {
  const { system, sql } = market;
  const { organizationId } = tenant;
  const id = randomUUID();
  const reserved = { organizationId, id, principalId: "key_one", plugin: "work", amountMicros: PRICE_MICROS, callKey: "a call" };
  const ask = async (name: string, input: object) => (await sql`select ${sql(name)}(${sql.json({ ...input })}) as said`)[0]?.["said"];
  expect(await ask("reserve_credits", reserved)).toEqual({ outcome: "reserved" });
  await letTimePass(market, organizationId);
  const stateOf = async () => (await sql`select state from purchases where id = ${id}`)[0]?.["state"];
  await expect.poll(stateOf, SOON).toBe("released");
  expect(await ask("end_purchase", { organizationId, id, capture: true })).toBe(false);
  expect(await ask("end_purchase", { organizationId, id, capture: false })).toBe(true);
  // One that is alive is not let go, however long it takes.
  const alive = { ...reserved, id: randomUUID() };
  await ask("reserve_credits", alive);
  await sql`update purchases set created_at = now() - interval '2 hours' where id = ${alive.id}`;
  expect(await ask("release_left_purchase", { organizationId, id: alive.id, quietMs: 60_000 })).toBe(false);
  // Whoever holds the call's key next has what the one before has set aside go back.
  const next = { ...reserved, id: randomUUID() };
  await ask("reserve_credits", next);
  expect(await sql`select id, state from purchases where id in ${sql([alive.id, next.id])} order by state`).toEqual([
    { id: alive.id, state: "released" },
    { id: next.id, state: "reserved" },
  ]);
  expect(await ask("end_purchase", { organizationId, id: next.id, capture: true })).toBe(true);
  expect(await ask("end_purchase", { organizationId, id: next.id, capture: true })).toBe(true);
  const entries =
    await sql`select sum(amount_micros)::int as sum from ledger_entries where organization_id = ${organizationId} and account = 'customer'`;
  expect(entries[0]).toEqual({ sum: -PRICE_MICROS });
  expect(system.workers.every(({ process }) => !process.hasExited())).toBe(true);
});
