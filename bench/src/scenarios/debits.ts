import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atLeast, type Line, valueOf } from "../harness/line.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median } from "../measure/statistics.ts";

const AT_ONCE = 10;
const DEBITS = 4_000;
const ACCOUNTS = 1_000;

interface Subject {
  name: string;
  debit(organization: string): Promise<unknown>;
}

/**
 * S10: single debits, each a transaction of its own in double entry with its balances, beside a loop that does nothing but change a row. Over the same
 * connections and in the same database; usage is posted in batches instead, which is cheaper for each.
 */
export const debits: Scenario = async ({ ours, rounds, thinning }) => {
  if (ours === null) return [];
  const sql = ours.owner;
  try {
    await sql`create table bare_balances (id uuid primary key, balance bigint not null) with (fillfactor = 50)`;
    const hot = await measure(sql, 1, { rounds, thinning });
    const many = await measure(sql, ACCOUNTS, { rounds, thinning });
    return [line("one hot account", hot, 0.5), line(`${ACCOUNTS} accounts`, many, 0.7)];
  } finally {
    await sql`drop table if exists bare_balances`;
  }
};

async function measure(
  sql: Sql,
  accounts: number,
  { rounds, thinning }: { rounds: number; thinning: number },
): Promise<Map<string, number>> {
  const organizations = Array.from({ length: accounts }, () => randomUUID());
  await sql`insert into organizations (id, name) select id, 'debits' from unnest(${organizations}::uuid[]) as made (id)`;
  await sql`insert into bare_balances (id, balance) select id, 0 from unnest(${organizations}::uuid[]) as made (id)`;
  const subjects: Subject[] = [
    { name: "bare UPDATE", debit: (id) => sql`update bare_balances set balance = balance - 1 where id = ${id}` },
    {
      name: "ours",
      debit: (organizationId) => {
        const debit = { organizationId, amountMicros: 1, sourceType: "bench", sourceId: randomUUID(), note: "" };
        return sql`select debit_account(${JSON.stringify(debit)}::text::jsonb)`;
      },
    },
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
