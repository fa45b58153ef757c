import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { at, forgetRedis, type SignedEvent, startReplica, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Market, startMarket } from "./settlement/market.ts";

const WORKER = fileURLToPath(new URL("settlement/dying-worker.ts", import.meta.url));
const SOON = { timeout: 60_000, interval: 100 };
const CENT = 10_000;

let market: Market;
beforeAll(async () => {
  market = await startMarket(3);
  for (const link of Object.values(market.links)) link.calm();
});
afterAll(() => market?.close());

const newTenant = (): Promise<Tenant> => market.system.newTenant(`t${randomUUID()}`);

async function checkoutOf({ apiKey }: Tenant): Promise<string> {
  const asked = await market.system.rest(0, apiKey).call("/api/v1/payments/stripe/create?pack=1000", { method: "POST" });
  return String(at(asked.body, "sessionId"));
}

async function planOf({ apiKey }: Tenant): Promise<string> {
  const asked = await market.system.rest(0, apiKey).call("/api/billing/subscribe", { body: { plan: "label" } });
  return String(at(asked.body, "session_id"));
}

const tell = ({ body, signature }: SignedEvent) =>
  market.system
    .rest(0, null)
    .call("/api/v1/payments/stripe/webhook", { body, headers: { "stripe-signature": signature, "content-type": "application/json" } });

/** What the organization has by card, and how often its ledger was written for it. */
async function booked({ organizationId }: Tenant): Promise<{ cents: number; times: number }> {
  const [row] = await market.sql<{ micros: number; times: number }[]>`
    select coalesce(sum(amount_micros), 0)::int as micros, count(*)::int as times from ledger_entries
    where organization_id = ${organizationId} and account = 'customer' and source_type in ('card', 'plan', 'plan_gift')`;
  return { cents: (row?.micros ?? 0) / CENT, times: row?.times ?? 0 };
}

const noted = async (id: string): Promise<boolean> => (await market.sql`select from card_events where id = ${id}`).length > 0;
const looksListed = (): number => market.stripe.requests.filter((request) => request.startsWith("GET /v1/events?")).length;

test("what no webhook has brought is booked all the same: a payment, a month of a plan, what is paid back; told later it changes nothing", async () => {
  const { stripe } = market;
  const [byPack, byPlan] = [await newTenant(), await newTenant()];
  const [checkout, plan] = [await checkoutOf(byPack), await planOf(byPlan)];
  const invoice = `in_${randomUUID()}`;
  const events = [
    ...stripe.pay(checkout),
    stripe.refund(checkout, 300),
    stripe.dispute(checkout, "open"),
    stripe.dispute(checkout, "won"),
    stripe.invoice(plan, { id: invoice, reason: "subscription_create" }),
    stripe.refund(invoice, 7_450),
    stripe.subscription(plan, "updated", "active"),
  ];
  for (const { id } of events) await expect.poll(() => noted(id), SOON).toBe(true);
  const outcome = async () => [(await booked(byPack)).cents, (await booked(byPlan)).cents];
  expect(await outcome()).toEqual([700, 5_000]);
  const plans = await market.system.rest(0, byPlan.apiKey).call("/api/billing/plans", { method: "GET" });
  expect(plans.body).toMatchObject({ subscription: { plan: "label", status: "active" }, invoices: [{ id: invoice }] });
  for (const event of events) expect((await tell(event)).status).toBe(200);
  expect(await outcome()).toEqual([700, 5_000]);
});

test("hundreds of events are read page by page, of thirty days and no more, in a look as long as it takes", async () => {
  const { stripe, sql } = market;
  const tenant = await newTenant();
  const checkout = await checkoutOf(tenant);
  const object = JSON.parse(stripe.pay(checkout)[0]?.body ?? "").data.object;
  // The first is too old to be listed; the others stand behind 250 of somebody else's.
  const old = stripe.event("checkout.session.completed", { ...object, payment_intent: "pi_old" }, 31 * 86_400);
  const [lost, other] = [29, 10].map((days) =>
    stripe.event("checkout.session.completed", { ...object, payment_intent: `pi_${days}` }, days * 86_400),
  );
  const foreign = { object: "subscription", customer: "cus_x", metadata: {}, status: "active", items: { data: [] } };
  for (let index = 0; index < 250; index++) stripe.event("customer.subscription.updated", { ...foreign, id: `sub_${index}` }, 5 * 86_400);
  await sql`update card_looks set seen_until = null, due_at = now()`;
  for (const event of [lost, other]) await expect.poll(() => noted(event?.id ?? ""), SOON).toBe(true);
  expect(stripe.requests.filter((request) => request.includes("starting_after=")).length).toBeGreaterThan(1);
  expect(await noted(old.id)).toBe(false);
  const count = async () =>
    Number((await sql`select count(*)::int as count from card_looks where seen_until > now() - interval '1 hour'`)[0]?.["count"]);
  await expect.poll(count, SOON).toBe(1);
});

test("a dispute that overtakes its payment is kept, and booked once that is known; what Stripe keeps no more is given up", async () => {
  const { stripe, sql } = market;
  const tenant = await newTenant();
  const [checkout, never] = [await checkoutOf(tenant), await checkoutOf(tenant)];
  const [dispute, gone] = [stripe.dispute(checkout, "open"), stripe.dispute(never, "open")];
  const owed = async () => (await sql<{ id: string }[]>`select event_id as id from card_events_owed order by 1`).map(({ id }) => id);
  await expect.poll(owed, SOON).toEqual([dispute.id, gone.id].sort());
  for (const event of stripe.pay(checkout)) await tell(event);
  expect((await booked(tenant)).cents).toBe(1_000);
  stripe.forgetEvent(gone.id);
  await sql`update card_events_owed set due_at = now()`;
  await expect.poll(owed, SOON).toEqual([]);
  expect(await booked(tenant)).toEqual({ cents: 0, times: 2 });
});

test("one process looks at a time, and a look that another has taken over moves nothing any more", async () => {
  const { sql } = market;
  const ask = async (name: string, input: object) => (await sql`select ${sql(name)}(${sql.json({ ...input })}) as said`)[0]?.["said"];
  // Nobody else looks meanwhile.
  await sql`update card_looks set due_at = now() + interval '1 hour'`;
  const take = () => ask("take_card_look", { leaseMs: 60_000, keptMs: 1_000, overlapMs: 0 });
  const due = () => sql`update card_looks set due_at = now() - interval '1 second', epoch = epoch + 100`;
  await due();
  const looks = (await Promise.all([take(), take(), take()])).filter((look) => look !== null);
  expect(looks.length).toBeLessThanOrEqual(1);
  await due();
  const [before] = await sql`select seen_until from card_looks`;
  expect(await ask("note_card_look", { epoch: looks[0]?.epoch ?? 1, afterId: null, waitMs: 0 })).toBe(false);
  expect((await sql`select seen_until from card_looks`)[0]).toEqual(before);
});

// In the middle of a page, and when all of it is booked and nothing noted.
test.each(["takeCardEvent after", "noteCardLook before"])(
  "a worker that is killed at its look (%s) leaves it to the next one: each event is booked once",
  async (deadly) => {
    const { system, stripe, sql } = market;
    const [worker] = system.workers;
    const tenant = await newTenant();
    const checkouts = [await checkoutOf(tenant), await checkoutOf(tenant)];
    await worker?.kill();
    const events = checkouts.flatMap((checkout) => stripe.pay(checkout));
    const dying = await startReplica("worker", { ...system.environment, DIE_AT: deadly }, WORKER);
    try {
      await sql`update card_looks set due_at = now() - interval '1 second'`;
      await dying.process.exited;
      await forgetRedis(system.environment["REDIS_URL"] ?? "", system.environment["REDIS_PREFIX"] ?? "");
      // As when its time is over.
      await sql`update card_looks set due_at = now() - interval '1 second'`;
      await worker?.restart();
      for (const { id } of events) await expect.poll(() => noted(id), SOON).toBe(true);
      expect(await booked(tenant)).toEqual({ cents: 2_000, times: 2 });
    } finally {
      await dying.close();
    }
  },
);

test("looks are not made more often than is set, whatever there is", async () => {
  const { sql } = market;
  // One that was begun before is over first: it reads no stretch any more.
  const putOff = () => sql`update card_looks set due_at = now() + interval '1 hour' where reads_until is null returning service`;
  await expect.poll(async () => (await putOff()).length, SOON).toBe(1);
  const before = looksListed();
  const tenant = await newTenant();
  const [event] = market.stripe.pay(await checkoutOf(tenant));
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect([looksListed(), await noted(event?.id ?? "")]).toEqual([before, false]);
});
