import { randomUUID } from "node:crypto";
import { statementInput } from "@parley/contracts";
import type { Database } from "@parley/db";
import type { BillingStore } from "@parley/domain";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Books, openBooks } from "./open-books.ts";

let books: Books;
let billing: BillingStore;
let database: Database;
let app: postgres.Sql;
beforeAll(async () => {
  books = await openBooks();
  billing = books.database.billing;
  database = books.database;
  app = postgres(books.fresh.url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await app?.end();
  await books?.close();
});

const organization = (): Promise<string> => books.organization("postpaid");

/** Charges as they stand after posting, of so many micro-units each: [day, key, model, micros]. */
async function charged(organizationId: string, rows: [string, string, string, number][]): Promise<void> {
  const made = rows.map(([day, principal_id, model, amount_micros], index) => ({
    ...{
      organization_id: organizationId,
      source_type: "direct",
      source_id: `call ${index}`,
      payer: "customer",
      amount_micros,
      assumed: false,
    },
    ...{ principal_id, model, input_tokens: 2, output_tokens: 1, cached_tokens: 0, reasoning_tokens: 0, estimated: false },
    ...{ at: `${day}T12:00:00.123456Z`, registered: true },
  }));
  await app.begin(async (sql) => {
    await sql`select set_config('parley.organizations', ${`{${organizationId}}`}, true)`;
    await sql`insert into charges ${sql(made)}`;
  });
}

test("a statement has days in their order, adds up to its total whatever is left out of it, and tells of one key or model alone", async () => {
  const organizationId = await organization();
  await charged(organizationId, [
    ["2026-03-03", "key_one", "a", 5],
    ["2026-03-01", "key_two", "b", 50],
    ["2026-03-02", "key_one", "b", 500],
    ["2026-03-02", "key_one", "a", 5_000],
  ]);
  const of = { organizationId, agentIds: null };
  const days = await billing.statement(of, { by: "day", limit: 10 });
  expect(days.items.map(({ name, amountMicros }) => [name, amountMicros])).toEqual([
    ["2026-03-01", 50],
    ["2026-03-02", 5_500],
    ["2026-03-03", 5],
  ]);
  expect(days).toMatchObject({ leftOut: 0, total: { name: null, calls: 4, inputTokens: 8, amountMicros: 5_555 } });
  // The dearest first; what is not listed is counted, and in the total.
  expect(await billing.statement(of, { by: "model", limit: 1 })).toMatchObject({
    items: [{ name: "a", amountMicros: 5_005 }],
    ...{ total: { calls: 4, amountMicros: 5_555 }, leftOut: 1 },
  });
  const yesterday = statementInput.parse({ key: "key_one", from: "2026-03-02", to: "2026-03-03", by: "model" });
  expect(await billing.statement(of, { ...yesterday, limit: 10 })).toMatchObject({
    items: [
      { name: "a", amountMicros: 5_000 },
      { name: "b", amountMicros: 500 },
    ],
    total: { calls: 2 },
  });
  expect(await billing.statement(of, { key: "key_none", limit: 10 })).toMatchObject({ items: [], total: { calls: 0 }, leftOut: 0 });
});

test("charges are told in parts, each once, also where many are of one moment", async () => {
  const organizationId = await organization();
  await charged(
    organizationId,
    Array.from({ length: 7 }, (_, index) => ["2026-03-01", "key_one", "a", index]),
  );
  const told = [];
  let after: Awaited<ReturnType<BillingStore["charges"]>>["next"] = null;
  let parts = 0;
  do {
    const part: Awaited<ReturnType<BillingStore["charges"]>> = await billing.charges(
      { organizationId, agentIds: null },
      { after, limit: 3 },
    );
    told.push(...part.items);
    after = part.next;
    parts += 1;
  } while (after !== null);
  expect([parts, told.map(({ amountMicros }) => amountMicros)]).toEqual([3, [0, 1, 2, 3, 4, 5, 6]]);
  expect(told[0]).toMatchObject({ at: "2026-03-01T12:00:00.123Z", transactionId: null });
});

test("entries are found by their time, by what they are for, and by their transaction", async () => {
  const organizationId = await organization();
  await billing.credit({ organizationId, amountMicros: 1_000, sourceType: "test", sourceId: "gift", note: "" });
  const tea = { organizationId, id: randomUUID() };
  await database.payments.reserveCredits({ ...tea, principalId: "key_one", plugin: "tea", amountMicros: 10, callKey: null });
  await database.payments.endPurchase({ ...tea, capture: true });
  const page = { offset: 0, limit: 10 };
  const found = async (filter: object) =>
    (await billing.entries(organizationId, { ...filter, ...page })).items
      .map(({ account, amountMicros }) => `${account} ${amountMicros}`)
      .sort();
  const sides = ["customer -10", "revenue 10"];
  expect(await found({ sourceType: "purchase", sourceId: tea.id })).toEqual(sides);
  expect(await found({ sourceType: "other" })).toEqual([]);
  const { items } = await billing.entries(organizationId, { account: "revenue", ...page });
  expect(await found({ transactionId: items[0]?.transactionId })).toEqual(sides);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  expect([await found({ from: tomorrow }), (await found({ to: tomorrow })).length]).toEqual([[], 4]);
});
