import { guarded, type Sql } from "./connect.ts";
import { drizzle, sql } from "./drizzle.ts";

const query = (client: Sql) => drizzle({ client });
type Drizzle = ReturnType<typeof query>;
export type Transaction = Parameters<Parameters<Drizzle["transaction"]>[0]>[0];

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
