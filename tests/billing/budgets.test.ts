import { randomUUID } from "node:crypto";
import type { Database } from "@parley/db";
import { type BillingStore, type HoldKey } from "@parley/domain";
import type { FreshDatabase } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Books, openBooks } from "./open-books.ts";

let books: Books;
let billing: BillingStore;
let fresh: FreshDatabase;
let database: Database;
let app: postgres.Sql;
beforeAll(async () => {
  books = await openBooks();
  billing = books.database.billing;
  fresh = books.fresh;
  database = books.database;
  app = postgres(books.fresh.url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await app?.end();
  await books?.close();
});

const organization = (mode?: "prepaid" | "postpaid"): Promise<string> => books.organization(mode);

const credit = (organizationId: string, amountMicros: number) =>
  billing.credit({ organizationId, amountMicros, sourceType: "test", sourceId: randomUUID(), note: "" });
const keyOf = (organizationId: string): HoldKey => ({
  ...{ organizationId, id: randomUUID(), kind: "call" as const },
  ...{ principalId: "key_one", agentId: null, userId: null },
});
const reserve = (organizationId: string, principalId: string, amountMicros: number, id: string = randomUUID()) =>
  database.payments.reserveCredits({ organizationId, id, principalId, plugin: "tea", amountMicros, callKey: null });
const end = (organizationId: string, id: string, capture: boolean) => database.payments.endPurchase({ organizationId, id, capture });

test.each([
  ["day", "1 day", true],
  ["month", "1 month", true],
  ["total", "1 month", false],
] as const)(
  "a budget of a %s is used up within it; in the next one there is as much again, and for good there is none",
  async (period, earlier, isNew) => {
    const organizationId = await organization("postpaid");
    const budget = { scope: "organization", subject: "", period, limitMicros: 100, alertPercent: 80, hard: true } as const;
    const { id: budgetId } = await billing.setBudget(organizationId, { ...budget, id: randomUUID() }, 10);
    const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
    try {
      const use = async () => {
        const id = randomUUID();
        const { outcome } = await reserve(organizationId, "key_one", 100, id);
        if (outcome === "reserved") await end(organizationId, id, true);
        return outcome;
      };
      expect([await use(), await use()]).toEqual(["reserved", "insufficient"]);
      // What was spent until now was spent in the period before, where there is one.
      if (isNew) await owner`update budget_periods set starts_on = starts_on - ${earlier}::interval where budget_id = ${budgetId}`;
      expect([await use(), await use()]).toEqual(isNew ? ["reserved", "insufficient"] : ["insufficient", "insufficient"]);
      const { items } = await billing.listBudgets(organizationId, { offset: 0, limit: 1 });
      expect(items).toMatchObject([{ period, spentMicros: 100, heldMicros: 0 }]);
    } finally {
      await owner.end();
    }
  },
);

test("a budget that refuses what it has no room for is told as reached, once; one that others hold, and one that was used up, are told as they are", async () => {
  const organizationId = await organization("postpaid");
  const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await owner`insert into webhook_endpoints (id, organization_id, url, description, events, include_content, secret)
      values (${randomUUID()}, ${organizationId}, ${"https://example.com/"}, ${""}, ${["budget.alert"]}, false, ${"sealed"})`;
    const budget = { scope: "key", subject: "key_one", period: "day", limitMicros: 600, alertPercent: 50, hard: true } as const;
    await billing.setBudget(organizationId, { ...budget, id: randomUUID() }, 10);
    const buy = async (amountMicros: number, capture = true) => {
      const id = randomUUID();
      const reserved = await reserve(organizationId, "key_one", amountMicros, id);
      if (reserved.outcome === "reserved" && capture) await end(organizationId, id, true);
      return { ...reserved, id };
    };
    const told = async () => {
      const rows =
        await owner`select payload->'data' as data from webhook_deliveries where organization_id = ${organizationId} order by id`;
      return rows.map(({ data }) => [data.isReached, data.spentMicros]);
    };
    // What is sold without any model is told of, too.
    expect((await buy(590)).outcome).toBe("reserved");
    expect(await told()).toEqual([[false, 590]]);
    const holder = await buy(5, false);
    expect(await buy(8)).toMatchObject({ outcome: "insufficient", mayWait: true });
    expect(await told()).toEqual([[false, 590]]);
    await end(organizationId, holder.id, false);
    const by = { kind: "budget", scope: "key", period: "day", limitMicros: 600, spentMicros: 590 };
    for (let times = 0; times < 2; times++) expect(await buy(20)).toMatchObject({ outcome: "insufficient", mayWait: false, by });
    expect(await told()).toEqual([
      [false, 590],
      [true, 590],
    ]);
    expect((await billing.listBudgets(organizationId, { offset: 0, limit: 1 })).items).toMatchObject([{ reachedAt: expect.any(String) }]);
  } finally {
    await owner.end();
  }
});

test("a budget that is set in the middle of its period has spent what was charged in it before, of what it covers", async () => {
  const organizationId = await organization("postpaid");
  const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const charge = (amount: number, more: object) =>
      owner`insert into charges ${owner({
        ...{ organization_id: organizationId, source_type: "direct", source_id: randomUUID(), payer: "customer", amount_micros: amount },
        ...{ assumed: false, model: "a/b", input_tokens: 0, output_tokens: 0, cached_tokens: 0, reasoning_tokens: 0, estimated: false },
        ...{ at: new Date(), principal_id: "key_one", ...more },
      })}`;
    await charge(90, {});
    await charge(5, { principal_id: "key_two", user_id: "ann" });
    await charge(1_000, { payer: "house" });
    await charge(300, { at: new Date(Date.now() - 40 * 86_400_000) });
    const sold = randomUUID();
    await reserve(organizationId, "key_three", 7, sold);
    await end(organizationId, sold, true);
    const set = async (scope: "organization" | "key" | "user", subject: string, period: "month" | "total", hard = true) =>
      (await billing.setBudget(organizationId, { id: randomUUID(), scope, subject, period, limitMicros: 100, alertPercent: 80, hard }, 10))
        .spentMicros;
    // What was sold counts with hard ones alone.
    expect([await set("organization", "", "month"), await set("organization", "", "total", false)]).toEqual([102, 395]);
    expect([await set("key", "key_one", "month"), await set("key", "key_one", "total"), await set("user", "ann", "month")]).toEqual([
      90, 390, 5,
    ]);
    expect(await billing.grow(keyOf(organizationId), { firmMicros: 1 })).toMatchObject({ outcome: "refused" });
    // Changed, it goes on with what it has.
    expect(await set("key", "key_one", "month")).toBe(90);
    expect(await billing.check(organizationId)).toMatchObject({ sumMicros: 0 });
  } finally {
    await owner.end();
  }
});

test("a soft budget that becomes hard has spent what was sold before, one that becomes soft has not, and what is held of it stays held", async () => {
  const organizationId = await organization("postpaid");
  const set = async (hard: boolean, limitMicros = 25) => {
    const budget = { id: randomUUID(), scope: "key", subject: "key_one", period: "day", limitMicros, alertPercent: 80, hard } as const;
    const { spentMicros, heldMicros } = await billing.setBudget(organizationId, budget, 10);
    return [spentMicros, heldMicros];
  };
  const buy = async () => {
    const id = randomUUID();
    const { outcome } = await reserve(organizationId, "key_one", 10, id);
    return { outcome, end: () => end(organizationId, id, true) };
  };
  expect(await set(false)).toEqual([0, 0]);
  for (let times = 0; times < 2; times++) await (await buy()).end();
  expect([await set(false), await set(true)]).toEqual([
    [0, 0],
    [20, 0],
  ]);
  expect((await buy()).outcome).toBe("insufficient");
  expect(await set(true, 35)).toEqual([20, 0]);
  const { end: sell } = await buy();
  expect([await set(false, 35), await set(true, 35)]).toEqual([
    [0, 10],
    [20, 10],
  ]);
  await sell();
  expect([await set(true, 35), await set(false, 35), await set(true, 35)]).toEqual([
    [30, 0],
    [0, 0],
    [30, 0],
  ]);
  expect(await billing.check(organizationId)).toMatchObject({ ok: true });
});

test("a period begins in UTC with its first moment, and not before", async () => {
  const starts = async (period: string, moment: string) =>
    (await app<{ start: string }[]>`select period_start(${period}, ${moment}::timestamptz)::text as start`)[0]?.start;
  expect(await starts("day", "2026-02-28T23:59:59.999999Z")).toBe("2026-02-28");
  expect(await starts("day", "2026-03-01T00:00:00Z")).toBe("2026-03-01");
  expect(await starts("day", "2026-03-01T00:30:00+01:00")).toBe("2026-02-28");
  expect(await starts("month", "2026-02-28T23:59:59.999999Z")).toBe("2026-02-01");
  expect(await starts("month", "2026-03-01T00:00:00Z")).toBe("2026-03-01");
  expect([await starts("total", "2026-02-28T00:00:00Z"), await starts("total", "2036-01-01T00:00:00Z")]).toEqual([
    "2000-01-01",
    "2000-01-01",
  ]);
});

test("a call that money refuses leaves nothing set aside, and who has too little is not told to wait", async () => {
  const organizationId = await organization();
  await credit(organizationId, 500);
  const budget = { scope: "key", subject: "key_one", period: "total", limitMicros: 100, alertPercent: 50, hard: true } as const;
  await billing.setBudget(organizationId, { ...budget, id: randomUUID() }, 10);
  expect(await reserve(organizationId, "key_two", 400)).toEqual({ outcome: "reserved" });
  // The balance has it once others let go; what is dearer than all of it nobody has.
  const by = { kind: "balance", tooLarge: true };
  expect(await reserve(organizationId, "key_two", 450)).toEqual({ outcome: "insufficient", mayWait: true, by });
  expect(await reserve(organizationId, "key_two", 1_000)).toEqual({ outcome: "insufficient", mayWait: false, by });
  expect(await reserve(organizationId, "key_one", 101)).toMatchObject({ outcome: "insufficient" });
  const holds = await app.begin(async (sql) => {
    await sql`select set_config('parley.organizations', ${`{${organizationId}}`}, true)`;
    return sql`select amount_micros::int as micros from holds where organization_id = ${organizationId}`;
  });
  expect([...holds]).toEqual([{ micros: 400 }]);
});

test("what was sold and is no charge, and what a budget is said to hold and does not, are found, too", async () => {
  const id = await organization("postpaid");
  const budget = { scope: "organization", subject: "", period: "day", limitMicros: 1_000, alertPercent: 80, hard: true } as const;
  await billing.setBudget(id, { ...budget, id: randomUUID() }, 10);
  const bought = randomUUID();
  for (const one of [bought, randomUUID()]) await reserve(id, "key_one", 100, one);
  await end(id, bought, true);
  expect(await billing.check(id)).toMatchObject({ ok: true, problems: [] });
  const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await owner`update charges set amount_micros = 99 where organization_id = ${id}`;
    await owner`update budget_periods set held_micros = held_micros - 1 where organization_id = ${id}`;
  } finally {
    await owner.end();
  }
  const { ok, problems } = await billing.check(id);
  expect([ok, problems.length]).toEqual([false, 2]);
  expect(problems.join()).toMatch(/budget .* 99 is held.* 100\..*has 100 for charges of 99\./i);
});
