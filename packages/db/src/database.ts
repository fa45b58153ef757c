import { guarded, type Sql } from "./connect.ts";
import { drizzle, sql } from "./drizzle.ts";

const query = (client: Sql) => drizzle({ client });
type Drizzle = ReturnType<typeof query>;
export type Transaction = Pick<Drizzle, "select" | "insert" | "update" | "delete" | "execute">;

/** Runs work in a transaction that sees this organization's rows and no others. */
export type InOrganization = <Result>(organizationId: string, work: (tx: Transaction) => Promise<Result>) => Promise<Result>;

export function inOrganization(client: Sql): InOrganization {
  const database = query(client);
  return (organizationId, work) =>
    guarded(
      database.transaction(async (tx) => {
        await tx.execute(sql`select set_config('parley.organizations', ${`{${organizationId}}`}, true)`);
        return work(tx);
      }),
    );
}

/** The same within a transaction that is open already: `client` is its own. */
export function withinTransaction(client: Sql): InOrganization {
  const tx = query(client);
  return async (organizationId, work) => {
    await tx.execute(sql`select set_config('parley.organizations', ${`{${organizationId}}`}, true)`);
    return work(tx);
  };
}
