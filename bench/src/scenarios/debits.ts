import { randomUUID } from "node:crypto";
import { type Database, openDatabase } from "@parley/db";
import postgres, { type Sql } from "postgres";
import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atLeast, type Line, valueOf } from "../harness/line.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median } from "../measure/statistics.ts";

const AT_ONCE = 10;
const DEBITS = 4_000;
const ACCOUNTS = 1_000;

/** Of each of those that are compared, as many as the product opens. */
const CONNECTIONS = 10;

interface Subject {
  name: string;
  debit(organization: string): Promise<unknown>;
}

/**
 * S10: debits in double entry with their balances, each a transaction of the ledger with a key of its own, beside a loop that does nothing but change a row: as many
 * at once, over as many connections, in the same database. The product makes those of one account that come together in one statement; `each by itself` is
 * the same without that. Usage is posted in batches besides, which is cheaper still.
 */
export const debits: Scenario = async ({ ours, rounds, thinning }) => {
  if (ours === null) return [];
  const sql = postgres(ours.ownerUrl, { max: CONNECTIONS, onnotice: () => undefined });
  const database = openDatabase({ url: ours.databaseUrl, pool: CONNECTIONS, prepare: true, applicationName: "bench" });
  const facts = { sql, billing: database.billing, rounds, thinning };
  try {
    await sql`create table bare_balances (id uuid primary key, balance bigint not null) with (fillfactor = 50)`;
    const hot = await measure(1, facts);
    const many = await measure(ACCOUNTS, facts);
    return [line("one hot account", hot, 0.5), line(`${ACCOUNTS} accounts`, many, 0.7)];
  } finally {
    await sql`drop table if exists bare_balances`;
    await Promise.all([database.close(), sql.end()]);
  }
};

interface Facts {
  sql: Sql;
  billing: Pick<Database["billing"], "debit">;
  rounds: number;
  thinning: number;
}

async function measure(accounts: number, { sql, billing, rounds, thinning }: Facts): Promise<Map<string, number>> {
  const organizations = Array.from({ length: accounts }, () => randomUUID());
  await sql`insert into organizations (id, name) select id, 'debits' from unnest(${organizations}::uuid[]) as made (id)`;
  await sql`insert into bare_balances (id, balance) select id, 0 from unnest(${organizations}::uuid[]) as made (id)`;
  const debitOf = (organizationId: string) => ({ organizationId, amountMicros: 1, sourceType: "bench", sourceId: randomUUID(), note: "" });
  const subjects: Subject[] = [
    { name: "bare UPDATE", debit: (id) => sql`update bare_balances set balance = balance - 1 where id = ${id}` },
    { name: "ours", debit: (id) => billing.debit(debitOf(id)) },
    { name: "each by itself", debit: (id) => sql`select debit_account(${JSON.stringify(debitOf(id))}::text::jsonb)` },
  ];
  let turn = 0;
  const rates = await interleave(subjects, rounds, ({ debit }) =>
    runConcurrently(Math.ceil(DEBITS / thinning), AT_ONCE, async () => {
      turn += 1;
      await debit(organizations[turn % accounts] ?? "");
    }),
  );
  return mapValues(rates, median);
}

const line = (what: string, values: Map<string, number>, share: number): Line => ({
  ...{ goal: "S10", what: `debits, ${what}, per second`, values, decimals: 0 },
  limits: [atLeast(share * valueOf(values, "bare UPDATE"), `${share} × bare UPDATE`)],
});
