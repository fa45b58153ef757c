import { randomUUID } from "node:crypto";
import { type Booked, isGatewayError } from "@parley/contracts";
import { openDatabase, openSweepStore } from "@parley/db";
import { type BillingStore, type HoldKey } from "@parley/domain";
import { type FreshDatabase, freshDatabase } from "@parley/testkit";
import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

let fresh: FreshDatabase;
let database: ReturnType<typeof openDatabase>;
let billing: BillingStore;
let app: postgres.Sql;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ url: fresh.url, pool: 10, prepare: true, applicationName: "test" });
  billing = database.billing;
  app = postgres(fresh.url, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await Promise.all([database.close(), app.end()]);
  await fresh.drop();
});

async function organization(mode: "prepaid" | "postpaid" = "prepaid"): Promise<string> {
  const id = randomUUID();
  await database.organizations.create({ id, name: "money" });
  await billing.setMode(id, mode);
  return id;
}

const credit = (organizationId: string, amountMicros: number, sourceId: string = randomUUID()) =>
  billing.credit({ organizationId, from: "credits", amountMicros, sourceType: "test", sourceId, note: "" });
const debit = (organizationId: string, amountMicros: number, sourceId: string = randomUUID()) =>
  billing.debit({ organizationId, amountMicros, sourceType: "test", sourceId, note: "" });
const keyOf = (organizationId: string, id: string = randomUUID()): HoldKey => ({
  ...{ organizationId, id, kind: "purchase" as const },
  ...{ principalId: "key_one", agentId: null, userId: null },
});

test("what is given and taken is written in two places, and once for each source", async () => {
  const id = await organization();
  expect(await credit(id, 1_000, "gift")).toMatchObject({ done: true, account: { balanceMicros: 1_000, accounts: { credits: -1_000 } } });
  expect(await credit(id, 1_000, "gift")).toMatchObject({ done: false, account: { balanceMicros: 1_000 } });
  await expect(credit(id, 999, "gift")).rejects.toMatchObject({ code: "idempotency_mismatch" });
  expect(await debit(id, 400, "tea")).toMatchObject({ done: true, account: { balanceMicros: 600, accounts: { revenue: 400 } } });
  expect(await debit(id, 400, "tea")).toMatchObject({ done: false, account: { balanceMicros: 600 } });
  await expect(debit(id, 601)).rejects.toMatchObject({ code: "budget_exhausted" });
  expect(await billing.check(id)).toMatchObject({ ok: true, sumMicros: 0, entries: 4, problems: [] });
  await expect(credit(randomUUID(), 1)).rejects.toMatchObject({ code: "not_found" });
});

test("a hundred debits at once on money for twenty: twenty are made, and nothing is left", async () => {
  const id = await organization();
  await credit(id, 1_000_000);
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => debit(id, 50_000)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(20);
  expect(await billing.account(id)).toMatchObject({ balanceMicros: 0 });
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
    expect(await look()).toMatchObject({ faults: 1, found: [] });
  } finally {
    await Promise.all([sweep.close(), mender.end()]);
  }
});

/** What the ledger is meant to be. */
interface Model {
  balance: number;
  revenue: number;
  holds: Map<number, number>;
  done: Set<string>;
}

test("debits at once of several organizations are each made once and answered by their own account; what is wrong with one is no other's", async () => {
  const [rich, owing, poor] = [await organization(), await organization("postpaid"), await organization()];
  await credit(rich, 1_000_000);
  await debit(rich, 7, "known");
  const told = (debits: Promise<unknown>[]) => Promise.allSettled(debits);
  const outcomes = await told([
    debit(owing, 1),
    ...Array.from({ length: 20 }, (_, index) => debit(rich, 10, `source ${index % 10}`)),
    debit(rich, 8, "known"),
    debit(poor, 1),
    ...Array.from({ length: 10 }, () => debit(owing, 3)),
  ]);
  const refused = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason.code] : []));
  expect(refused).toEqual(["idempotency_mismatch", "budget_exhausted"]);
  const done = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value as Booked] : []));
  expect(done.filter((one) => one.done && one.account.organizationId === rich)).toHaveLength(10);
  expect(done.filter((one) => one.done && one.account.organizationId === owing)).toHaveLength(11);
  expect(await billing.account(rich)).toMatchObject({ mode: "prepaid", balanceMicros: 1_000_000 - 7 - 100 });
  expect(await billing.account(owing)).toMatchObject({ mode: "postpaid", balanceMicros: -31, accounts: { revenue: 31 } });

  // All of them can be made: one statement, and the account as it is after it.
  const together = await Promise.all([debit(owing, 1), ...Array.from({ length: 10 }, () => debit(rich, 1)), debit(owing, 1)]);
  expect(together.map((one) => one.done)).not.toContain(false);
  expect(together.at(-2)?.account).toEqual(await billing.account(rich));
  expect(together.at(-1)?.account).toEqual(await billing.account(owing));
  for (const id of [rich, owing, poor]) expect(await billing.check(id)).toMatchObject({ ok: true, sumMicros: 0 });
});

test("a debit that waits for an account's lock keeps no other one waiting; afterwards all go together again", async () => {
  const [locked = "", ...free] = await Promise.all(Array.from({ length: 5 }, () => organization("postpaid")));
  const made = new Map([locked, ...free].map((id) => [id, 0]));
  const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  await debit(locked, 1);
  const keepOn = async (id: string) => {
    for (let done = 0; (made.get(locked) ?? 0) < 20; made.set(id, done)) {
      await debit(id, 1);
      done += 1;
    }
  };
  const asked: Promise<void>[] = [];
  try {
    await owner.begin(async (sql) => {
      await sql`select from ledger_balances where organization_id = ${locked} for update`;
      asked.push(keepOn(locked), ...free.map(keepOn));
      await vi.waitFor(() => expect(Math.min(...free.map((id) => made.get(id) ?? 0))).toBeGreaterThan(2), { timeout: 5_000, interval: 5 });
      expect(made.get(locked)).toBe(0);
    });
    await Promise.all(asked);
    const shared = await owner`
      select from ledger_entries group by xmin::text having count(distinct organization_id) > 1 and bool_or(organization_id = ${locked})`;
    expect(shared.length).toBeGreaterThan(5);
  } finally {
    await Promise.allSettled(asked);
    await owner.end();
  }
});

/** Whoever asks for a debit in earnest is some functions away from it. */
const fromAfar = async (made: Promise<unknown>, functions = 5): Promise<unknown> => (functions > 0 ? fromAfar(made, functions - 1) : made);

test("callers that go on as soon as they are answered stay together: none goes alone from then on", async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => organization("postpaid")));
  await Promise.all(
    ids.map(async (id) => {
      for (let made = 0; made < 20; made++) await fromAfar(debit(id, 1));
    }),
  );
  const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const statements = await owner<{ debits: number }[]>`
      select count(*)::int / 2 as debits from ledger_entries where organization_id = any (${ids}) group by xmin::text`;
    expect(statements.reduce((sum, { debits }) => sum + debits, 0)).toBe(200);
    expect(statements.filter(({ debits }) => debits === 1).length).toBeLessThan(6);
  } finally {
    await owner.end();
  }
});

type Act = { act: "credit" | "debit" | "grow" | "capture" | "release"; name: number; micros: number };

const acts = fc.array(
  fc.record({
    act: fc.constantFrom<Act["act"]>("credit", "debit", "grow", "capture", "release"),
    name: fc.integer({ min: 0, max: 3 }),
    micros: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 1, maxLength: 25 },
);

const heldOf = ({ holds }: Model): number => [...holds.values()].reduce((sum, micros) => sum + micros, 0);

/** While others hold something, a new hold is begun only where they could double theirs. */
function mayHold(model: Model, name: number, micros: number): boolean {
  const held = heldOf(model);
  const free = model.balance - held;
  return free >= micros && ((model.holds.get(name) ?? 0) > 0 || held === 0 || free - micros >= held);
}

/** Does it to the model, and says what the real one has to answer. */
function expected(model: Model, { act, name, micros }: Act): string {
  const once = `${act} ${name}`;
  switch (act) {
    case "credit":
      model.balance += micros;
      return "done";
    case "debit":
      if (model.balance - heldOf(model) < micros) return "budget_exhausted";
      model.balance -= micros;
      model.revenue += micros;
      return "done";
    case "grow":
      if (!mayHold(model, name, micros)) return "refused";
      model.holds.set(name, (model.holds.get(name) ?? 0) + micros);
      return "granted";
    case "capture":
      if (!model.holds.delete(name)) return model.done.has(once) ? "not done" : "not_found";
      // Under this id something was bought before: it is charged once, whatever is held for it.
      if (model.done.has(once)) return "not done";
      model.done.add(once);
      model.balance -= micros;
      model.revenue += micros;
      return "done";
    case "release":
      return model.holds.delete(name) ? "released" : "nothing";
  }
}

async function real(organizationId: string, ids: string[], { act, name, micros }: Act, amounts: Map<string, number>): Promise<string> {
  const id = ids[name] ?? "";
  try {
    switch (act) {
      case "credit":
        return (await credit(organizationId, micros)).done ? "done" : "not done";
      case "debit":
        return (await debit(organizationId, micros)).done ? "done" : "not done";
      case "grow":
        return (await billing.grow(keyOf(organizationId, id), { firmMicros: micros })).outcome;
      case "capture": {
        // A purchase's amount is one, however often it is captured.
        const amountMicros = amounts.get(id) ?? micros;
        const { done } = await billing.capture({ organizationId, id, amountMicros, note: "" });
        amounts.set(id, amountMicros);
        return done ? "done" : "not done";
      }
      case "release":
        return (await billing.release({ organizationId, id })) ? "released" : "nothing";
    }
  } catch (error) {
    if (isGatewayError(error) && error.code !== "internal") return error.code;
    throw error;
  }
}

test("whatever is done in whatever order, the ledger is what the model says, and adds up to zero", async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (sequence) => {
      const organizationId = await organization();
      const ids = Array.from({ length: 4 }, () => randomUUID());
      const amounts = new Map<string, number>();
      const model: Model = { balance: 0, revenue: 0, holds: new Map(), done: new Set() };
      for (const one of sequence) expect([one, await real(organizationId, ids, one, amounts)]).toEqual([one, expected(model, one)]);
      const account = await billing.account(organizationId);
      expect(account).toMatchObject({ balanceMicros: model.balance, heldMicros: heldOf(model) });
      expect(account.accounts.revenue ?? 0).toBe(model.revenue);
      expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
    }),
    { numRuns: 60 },
  );
});

test("done by many at once, it still adds up, and holds are never less than nothing", async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (sequence) => {
      const organizationId = await organization();
      await credit(organizationId, 200);
      const ids = Array.from({ length: 4 }, () => randomUUID());
      await Promise.all(sequence.map((one) => real(organizationId, ids, { ...one, micros: 7 }, new Map())));
      expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
      await Promise.all(ids.map((id) => billing.release({ organizationId, id })));
      expect(await billing.account(organizationId)).toMatchObject({ heldMicros: 0 });
    }),
    { numRuns: 25 },
  );
});
