import { randomUUID } from "node:crypto";
import { type Database, openSweepStore } from "@parley/db";
import { type BillingStore, type HoldKey } from "@parley/domain";
import type { FreshDatabase } from "@parley/testkit";
import fc from "fast-check";
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

const credit = (organizationId: string, amountMicros: number, sourceId: string = randomUUID()) =>
  billing.credit({ organizationId, amountMicros, sourceType: "test", sourceId, note: "" });
const reserve = (organizationId: string, amountMicros: number, id: string) =>
  database.payments.reserveCredits({ organizationId, id, principalId: "key_one", plugin: "tea", amountMicros, callKey: null });
const end = (organizationId: string, id: string, capture: boolean) => database.payments.endPurchase({ organizationId, id, capture });
const keyOf = (organizationId: string, id: string = randomUUID()): HoldKey => ({
  ...{ organizationId, id, kind: "call" as const },
  ...{ principalId: "key_one", agentId: null, userId: null },
});

/** Buys, once others let go of what is needed for it; false where there is not so much. */
async function buy(organizationId: string, amountMicros: number, id: string = randomUUID()): Promise<boolean> {
  for (;;) {
    const reserved = await reserve(organizationId, amountMicros, id);
    if (reserved.outcome === "reserved") return end(organizationId, id, true);
    if (!reserved.mayWait) return false;
  }
}

test("what is given and taken is written in two places, and once for each source", async () => {
  const id = await organization();
  expect(await credit(id, 1_000, "gift")).toMatchObject({ done: true, account: { balanceMicros: 1_000, accounts: { credits: -1_000 } } });
  expect(await credit(id, 1_000, "gift")).toMatchObject({ done: false, account: { balanceMicros: 1_000 } });
  await expect(credit(id, 999, "gift")).rejects.toMatchObject({ code: "idempotency_mismatch" });
  const tea = randomUUID();
  expect([await buy(id, 400, tea), await end(id, tea, true), await end(id, tea, false)]).toEqual([true, true, false]);
  expect([await buy(id, 601), await end(id, randomUUID(), true)]).toEqual([false, false]);
  expect(await billing.account(id)).toMatchObject({ balanceMicros: 600, heldMicros: 0, accounts: { revenue: 400 } });
  expect(await billing.check(id)).toMatchObject({ ok: true, sumMicros: 0, entries: 4, problems: [] });
  await expect(credit(randomUUID(), 1)).rejects.toMatchObject({ code: "not_found" });
});

test("what an account comes to is told to the last micro-unit, and nothing makes it more than can be told so", async () => {
  const id = await organization();
  const most = Number.MAX_SAFE_INTEGER;
  const million = 1_000_000_000_000_000;
  for (let times = 0; times < 9; times += 1) await credit(id, million);
  await credit(id, most - 9 * million - 1);
  expect(await billing.account(id)).toMatchObject({ balanceMicros: most - 1, accounts: { credits: 1 - most } });
  await expect(credit(id, 2)).rejects.toMatchObject({ code: "sum_too_large" });
  expect(await credit(id, 1)).toMatchObject({ done: true, account: { balanceMicros: most, accounts: { credits: -most } } });
  await expect(credit(id, 1)).rejects.toMatchObject({ code: "sum_too_large" });
  expect(await billing.check(id)).toMatchObject({ ok: true, sumMicros: 0 });
  const owes = await organization();
  for (let times = 0; times < 9; times += 1) await credit(owes, -million);
  await expect(credit(owes, -million)).rejects.toMatchObject({ code: "sum_too_large" });
  expect(await billing.account(owes)).toMatchObject({ balanceMicros: -9 * million });
});

test("a hundred purchases at once on money for twenty: twenty are made, and nothing is left", async () => {
  const id = await organization();
  await credit(id, 1_000_000);
  const made = await Promise.all(Array.from({ length: 100 }, () => buy(id, 50_000)));
  expect(made.filter((isMade) => isMade)).toHaveLength(20);
  expect(await billing.account(id)).toMatchObject({ balanceMicros: 0, heldMicros: 0, accounts: { revenue: 1_000_000 } });
  expect(await billing.check(id)).toMatchObject({ ok: true, sumMicros: 0 });
});

test("an entry is never changed or taken away, a transaction that does not add up is refused, and another's is not seen", async () => {
  const id = await organization();
  await credit(id, 5);
  const within = (organizationId: string, work: (sql: postgres.TransactionSql) => Promise<unknown>) =>
    app.begin(async (sql) => {
      await sql`select set_config('parley.organizations', ${`{${organizationId}}`}, true)`;
      return work(sql);
    });
  const entry = (sql: postgres.TransactionSql, micros: number) => sql`
    insert into ledger_entries (organization_id, transaction_id, account, amount_micros, source_type, source_id)
    values (${id}, ${randomUUID()}, 'customer', ${micros}, 'test', ${randomUUID()})`;
  await expect(within(id, (sql) => sql`update ledger_entries set amount_micros = 1`)).rejects.toThrow("permission denied");
  await expect(within(id, (sql) => sql`delete from ledger_entries`)).rejects.toThrow("permission denied");
  await expect(within(id, (sql) => sql`update charges set amount_micros = 1`)).rejects.toThrow("permission denied");
  await expect(within(id, (sql) => sql`delete from charges`)).rejects.toThrow("permission denied");
  await expect(within(id, (sql) => sql`update ledger_balances set balance_micros = 1`)).rejects.toThrow("permission denied");
  await expect(
    within(id, (sql) => sql`insert into ledger_balances (organization_id, account, balance_micros) values (${id}, 'house', 1)`),
  ).rejects.toThrow("permission denied");
  for (const micros of [7, -7]) await expect(within(id, (sql) => entry(sql, micros))).rejects.toThrow("does not add up");
  await expect(within(randomUUID(), (sql) => entry(sql, 7))).rejects.toThrow("row-level security");
  expect(await within(randomUUID(), (sql) => sql`select 1 from ledger_entries`)).toHaveLength(0);
  await expect(
    within(id, (sql) => sql`insert into prices (kind, name, input_pico, output_pico) values ('model', 'x', 1, 1)`),
  ).rejects.toThrow("row-level security");
});

test("books that were changed behind the ledger's back are found", async () => {
  const id = await organization();
  await credit(id, 50);
  await billing.grow(keyOf(id), { firmMicros: 10 });
  const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await owner`update ledger_balances set balance_micros = 51, held_micros = 9 where organization_id = ${id} and account = 'customer'`;
  } finally {
    await owner.end();
  }
  const { ok, problems } = await billing.check(id);
  expect([ok, problems.length]).toEqual([false, 2]);

  // The sweep finds it, too, a few entries at a time, tells it once, and sees when it is mended.
  const sweep = openSweepStore({ url: fresh.sweepUrl, prepare: true, applicationName: "test" });
  const mender = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const look = () => sweep.store.lookAtBooks({ entriesMax: 2, settledMs: -1_000 });
    const found = [];
    for (let looks = 0; looks < 1_000 && found.length === 0; looks += 1) found.push(...(await look()).found);
    expect(found).toEqual([{ organizationId: id, problems: expect.arrayContaining(["The accounts add up to 1."]) }]);
    expect(await look()).toMatchObject({ faults: 1, found: [] });
    await mender`update ledger_balances set balance_micros = 50, held_micros = 10 where organization_id = ${id} and account = 'customer'`;
    expect(await look()).toMatchObject({ faults: 0, found: [], unpostedAgeMs: null });
    // A charge that nobody has written: what was earned is not what was charged.
    await mender`insert into ledger_entries (organization_id, transaction_id, account, amount_micros, source_type, source_id)
      select ${id}, id, account, micros, 'purchase', 'none' from (select uuidv7() as id) made, (values ('customer', -5), ('revenue', 5)) sides (account, micros)`;
    const [fault] = (await look()).found;
    expect(fault?.problems).toEqual([expect.stringMatching(/has 5 for charges of 0/)]);
    expect((await billing.check(id)).problems).toEqual(fault?.problems);
    expect(await look()).toMatchObject({ faults: 1, found: [] });
    // Half a transaction, which the ledger itself would refuse.
    const other = await organization();
    await mender.begin(async (sql) => {
      await sql`set local session_replication_role = replica`;
      await sql`insert into ledger_entries (organization_id, transaction_id, account, amount_micros, source_type, source_id)
        values (${other}, uuidv7(), 'customer', 3, 'test', 'half')`;
    });
    const half = expect.stringMatching(/^Transaction .* adds up to 3\.$/);
    expect(await look()).toMatchObject({ faults: 2, found: [{ organizationId: other, problems: [half] }] });
    expect((await billing.check(other)).problems).toEqual(
      expect.arrayContaining([half, "The entries add up to 3.", "Account customer is kept as 0, but its entries add up to 3."]),
    );
  } finally {
    await Promise.all([sweep.close(), mender.end()]);
  }
});

/** What the ledger is meant to be. */
interface Model {
  balance: number;
  revenue: number;
  /** Of calls, by their names. */
  holds: Map<number, number>;
  /** Under each name, the newest last. */
  sales: { micros: number; state: "reserved" | "captured" | "released" }[][];
}

/** What is asked of the real one, under the same names. */
interface Asked {
  organizationId: string;
  calls: string[];
  sales: string[][];
}

const NAMES = 2;

type Act = { act: "credit" | "grow" | "release" | "reserve" | "capture" | "let go"; name: number; micros: number };

const acts = fc.array(
  fc.record({
    act: fc.constantFrom<Act["act"]>("credit", "grow", "release", "reserve", "capture", "let go"),
    name: fc.integer({ min: 0, max: NAMES - 1 }),
    micros: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 10, maxLength: 25 },
);

const sum = (amounts: Iterable<number>): number => [...amounts].reduce((all, micros) => all + micros, 0);

const reservedOf = ({ sales }: Model): number => sum(sales.flat().flatMap(({ micros, state }) => (state === "reserved" ? [micros] : [])));

const heldOf = (model: Model): number => sum(model.holds.values()) + reservedOf(model);

/** While others hold something that may grow, a new hold is begun only where they could double theirs, and what is sold beside what all others hold. */
function mayHold(model: Model, own: number, micros: number, isSale = false): boolean {
  const held = heldOf(model);
  const free = model.balance - held;
  const others = isSale ? held : held - reservedOf(model);
  return free >= micros && (own > 0 || others === 0 || free - micros >= others);
}

/** Does it to the model, and says what the real one has to answer. */
function expected(model: Model, { act, name, micros }: Act): string {
  switch (act) {
    case "credit":
      model.balance += micros;
      return "done";
    case "grow": {
      const own = model.holds.get(name) ?? 0;
      if (!mayHold(model, own, micros)) return "refused";
      model.holds.set(name, own + micros);
      return "granted";
    }
    case "release":
      return model.holds.delete(name) ? "released" : "nothing";
    case "reserve":
      if (!mayHold(model, 0, micros, true)) return "insufficient";
      model.sales[name]?.push({ micros, state: "reserved" });
      return "reserved";
    case "capture":
    case "let go": {
      const wanted = act === "capture" ? "captured" : "released";
      const sale = model.sales[name]?.at(-1);
      if (sale === undefined) return "nothing";
      // It ends once, however often and however else that is asked for.
      if (sale.state === "reserved") {
        sale.state = wanted;
        if (act === "capture") {
          model.balance -= sale.micros;
          model.revenue += sale.micros;
        }
      }
      return sale.state === wanted ? "done" : "not done";
    }
  }
}

async function real({ organizationId, calls, sales }: Asked, { act, name, micros }: Act): Promise<string> {
  const call = calls[name] ?? "";
  switch (act) {
    case "credit":
      return (await credit(organizationId, micros)).done ? "done" : "not done";
    case "grow":
      return (await billing.grow(keyOf(organizationId, call), { firmMicros: micros })).outcome;
    case "release":
      return (await billing.release({ organizationId, id: call })) ? "released" : "nothing";
    case "reserve": {
      const id = randomUUID();
      const { outcome } = await reserve(organizationId, micros, id);
      if (outcome === "reserved") sales[name]?.push(id);
      return outcome;
    }
    case "capture":
    case "let go": {
      const id = sales[name]?.at(-1);
      if (id === undefined) return "nothing";
      return (await end(organizationId, id, act === "capture")) ? "done" : "not done";
    }
  }
}

const named = <Item>(make: () => Item): Item[] => Array.from({ length: NAMES }, make);

test("whatever is done in whatever order, the ledger is what the model says, and adds up to zero", async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (sequence) => {
      const organizationId = await organization();
      const asked: Asked = { organizationId, calls: named(randomUUID), sales: named(() => []) };
      const model: Model = { balance: 0, revenue: 0, holds: new Map(), sales: named(() => []) };
      for (const one of sequence) expect([one, await real(asked, one)]).toEqual([one, expected(model, one)]);
      const account = await billing.account(organizationId);
      expect(account).toMatchObject({ balanceMicros: model.balance, heldMicros: heldOf(model) });
      expect(account.accounts.revenue ?? 0).toBe(model.revenue);
      expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
    }),
    { numRuns: 60 },
  );
});

test("done by many at once, it still adds up, and neither the balance nor holds are ever less than nothing", async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (sequence) => {
      const organizationId = await organization();
      await credit(organizationId, 200);
      const asked: Asked = { organizationId, calls: named(randomUUID), sales: named(() => []) };
      await Promise.all(sequence.map((one) => real(asked, { ...one, micros: 7 })));
      // Of some there was nothing to be ended yet.
      await Promise.all(sequence.filter(({ act }) => act === "capture").map((one) => real(asked, one)));
      expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
      await Promise.all([
        ...asked.calls.map((id) => billing.release({ organizationId, id })),
        ...asked.sales.flat().map((id) => end(organizationId, id, false)),
      ]);
      const { balanceMicros, heldMicros } = await billing.account(organizationId);
      expect([balanceMicros >= 0, heldMicros]).toEqual([true, 0]);
    }),
    { numRuns: 25 },
  );
});
