import { randomUUID } from "node:crypto";
import { POSTED_TOGETHER_MAX } from "@parley/contracts";
import { type Database, openDatabase } from "@parley/db";
import postgres from "postgres";
import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atLeast, type Limit, type Line, valueOf } from "../harness/line.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median } from "../measure/statistics.ts";

const AT_ONCE = 10;
const DEBITS = 4_000;
const ACCOUNTS = 1_000;
/** Of each of those that are compared, as many as the product opens. */
const CONNECTIONS = 10;
/** As the product writes down what direct calls have used, and charges it. */
const RECORDS = 500;
const POSTED = { rowsMax: 1_000, callKeptMs: 3_600_000 };

interface Subject {
  name: string;
  /** Debits so many, spread evenly over the organizations; gives how many a second. */
  debit(count: number): Promise<number>;
}

type Stores = Pick<Database, "billing" | "directCalls" | "payments">;

/**
 * S10: debits, beside a loop that does nothing but change a row, as many at once, over as many connections, in the same database. Ours is what customers' money
 * takes: what calls have used is written down, and orders of the queue `billing` price it, charge it line by line and put it into the ledger, in one transaction
 * of Postgres for each group of up to eight organizations. `sold calls` have their money set aside before they run and taken afterwards, two commits each, which
 * nothing can put together: they have lines of their own, and are not held to the goal.
 */
export const debits: Scenario = async ({ ours, rounds, thinning }) => {
  if (ours === null) return [];
  const sql = postgres(ours.ownerUrl, { max: CONNECTIONS, onnotice: () => undefined });
  const database = openDatabase({ url: ours.databaseUrl, pool: CONNECTIONS, prepare: true, applicationName: "bench" });
  // Its sweep would have the same charged, and count for nobody.
  const goOn = (): void => void process.kill(ours.worker.pid, "SIGCONT");
  // One that stands still would hear of no other signal.
  process.once("exit", goOn);
  process.kill(ours.worker.pid, "SIGSTOP");
  try {
    await sql`create table bare_balances (id uuid primary key, balance bigint not null) with (fillfactor = 50)`;
    const measure = async (accounts: number): Promise<Map<string, number>> => {
      const organizations = Array.from({ length: accounts }, () => randomUUID());
      await sql`insert into organizations (id, name) select id, 'debits' from unnest(${organizations}::uuid[]) as made (id)`;
      await sql`insert into bare_balances (id, balance) select id, 0 from unnest(${organizations}::uuid[]) as made (id)`;
      const at = (index: number): string => organizations[index % accounts] ?? "";
      const bare: Subject = {
        name: "bare UPDATE",
        debit: (count) =>
          runConcurrently(count, AT_ONCE, async (index) => {
            await sql`update bare_balances set balance = balance - 1 where id = ${at(index)}`;
          }),
      };
      const subjects = [bare, usage(database, organizations), soldCalls(database, at)];
      return mapValues(await interleave(subjects, rounds, ({ debit }) => debit(Math.ceil(DEBITS / thinning))), median);
    };
    return [...linesOf("one hot account", await measure(1), 0.5), ...linesOf(`${ACCOUNTS} accounts`, await measure(ACCOUNTS), 0.7)];
  } finally {
    process.removeListener("exit", goOn);
    goOn();
    await sql`drop table if exists bare_balances`;
    await Promise.all([database.close(), sql.end()]);
  }
};

const usage = ({ billing, directCalls }: Stores, organizations: string[]): Subject => ({
  name: "ours",
  async debit(count) {
    const startedAt = performance.now();
    for (let from = 0; from < count; from += RECORDS) {
      const records = Array.from({ length: Math.min(RECORDS, count - from) }, (_, index) =>
        recordOf(organizations[(from + index) % organizations.length] ?? ""),
      );
      await directCalls.append(records);
    }
    let charged = 0;
    await runConcurrently(Math.ceil(organizations.length / POSTED_TOGETHER_MAX), AT_ONCE, async (index) => {
      let left = organizations.slice(index * POSTED_TOGETHER_MAX, (index + 1) * POSTED_TOGETHER_MAX);
      while (left.length > 0) {
        const { posted, more } = await billing.post(left, POSTED);
        charged += posted;
        left = more ?? [];
      }
    });
    if (charged !== count) throw new Error(`${charged} of ${count} calls were charged.`);
    return count / ((performance.now() - startedAt) / 1000);
  },
});

const soldCalls = ({ payments }: Stores, at: (index: number) => string): Subject => ({
  name: "sold calls",
  debit: (count) =>
    runConcurrently(count, AT_ONCE, async (index) => {
      const key = { organizationId: at(index), id: randomUUID() };
      const { outcome } = await payments.reserveCredits({ ...key, principalId: "key", plugin: "bench", amountMicros: 1, callKey: null });
      if (outcome !== "reserved" || !(await payments.endPurchase({ ...key, capture: true }))) throw new Error("A call was not sold.");
    }),
});

function recordOf(organizationId: string): Parameters<Stores["directCalls"]["append"]>[0][number] {
  const id = randomUUID();
  return {
    ...{ id, callId: id, part: 0, organizationId, principalId: "key", userId: null, route: "bench", model: "bench", requestId: id },
    ...{ outcome: "answered", tries: 1, latencyMs: 1, at: new Date().toISOString() },
    ...{ inputTokens: 1_000, outputTokens: 100, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false },
  };
}

function linesOf(accounts: string, rates: Map<string, number>, share: number): Line[] {
  const bare = valueOf(rates, "bare UPDATE");
  const line = (what: string, rate: number, limits: Limit[] = []): Line => ({
    ...{ goal: "S10", what: `${what}, ${accounts}, per second`, values: new Map([["ours", rate]]), decimals: 0, limits },
  });
  return [
    line("calls charged", valueOf(rates, "ours"), [atLeast(share * bare, `${share} × bare UPDATE`)]),
    line("sold calls", valueOf(rates, "sold calls")),
    line("bare UPDATE", bare),
  ];
}
