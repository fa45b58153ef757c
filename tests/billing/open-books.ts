import { randomUUID } from "node:crypto";
import { type Database, openDatabase } from "@parley/db";
import { type FreshDatabase, freshDatabase } from "@parley/testkit";

/** A database of its own, with the stores over it: money without a process. */
export interface Books {
  fresh: FreshDatabase;
  database: Database;
  organization(mode?: "prepaid" | "postpaid"): Promise<string>;
  close(): Promise<void>;
}

export async function openBooks(): Promise<Books> {
  const fresh = await freshDatabase();
  const database = openDatabase({ url: fresh.url, pool: 10, prepare: true, applicationName: "test" });
  return {
    fresh,
    database,
    async organization(mode = "prepaid") {
      const id = randomUUID();
      await database.organizations.create({ id, name: "money" });
      await database.billing.setMode(id, mode);
      return id;
    },
    async close() {
      await database.close();
      await fresh.drop();
    },
  };
}
