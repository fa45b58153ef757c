import postgres from "postgres";

export interface OwnerView {
  /** Rows of every table but those where workers write by themselves (elections, activity, notes of what is used, and what usage is charged with); by its name, partitions in their whole. */
  rowCounts(): Promise<Record<string, number>>;
  /** The worker that holds the conversation's lease, or held it last; null where none ever did. */
  leaseOwner(conversationId: string): Promise<string | null>;
  close(): Promise<void>;
}

/** Looks as the owner, who sees all organizations. */
export function openOwnerView(ownerUrl: string): OwnerView {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  return {
    async rowCounts() {
      const tables = await sql<{ name: string }[]>`
        select c.relname as name from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and c.relname not like 'activity%'
          and c.relname not in ('elections', 'usage_keepers', 'usage_notes', 'charges', 'ledger_entries', 'ledger_balances', 'budget_periods') order by 1`;
      const counted = await sql.unsafe<{ name: string; rows: number }[]>(
        tables.map(({ name }) => `select '${name}' as name, count(*)::int as rows from "${name}"`).join(" union all "),
      );
      return Object.fromEntries(counted.map(({ name, rows }) => [name, rows]));
    },
    async leaseOwner(conversationId) {
      const [row] = await sql<{ owner: string | null }[]>`select lease_owner as owner from conversations where id = ${conversationId}`;
      return row?.owner ?? null;
    },
    close: () => sql.end(),
  };
}
