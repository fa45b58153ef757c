import type postgres from "postgres";
import type { ChargeRow, MoneyFacts } from "./facts.ts";

/** The books of an organization, as their owner sees them. */
export async function collectMoney(sql: postgres.Sql, organizationId: string): Promise<MoneyFacts> {
  const [entries, balances, held, charges] = await Promise.all([
    sql<MoneyFacts["entries"]>`
      select transaction_id as "transactionId", account, source_type as "sourceType", amount_micros::float8 as "amountMicros"
      from ledger_entries where organization_id = ${organizationId}`,
    sql<MoneyFacts["balances"]>`
      select account, balance_micros::float8 as "balanceMicros", held_micros::float8 as "heldMicros"
      from ledger_balances where organization_id = ${organizationId}`,
    sql<{ holds: number }[]>`select count(*)::int as holds from holds where organization_id = ${organizationId}`,
    sql<ChargeRow[]>`
      select source_type as "sourceType", source_id as "sourceId", transaction_id as "transactionId", payer, amount_micros::float8 as "amountMicros",
        input_tokens::float8 as "inputTokens", output_tokens::float8 as "outputTokens", estimated
      from charges where organization_id = ${organizationId}`,
  ]);
  return { entries, balances, holds: held[0]?.holds ?? 0, charges };
}
