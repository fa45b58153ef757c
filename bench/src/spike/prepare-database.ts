import postgres, { type Sql } from "postgres";
import type { PostgresServer } from "../services/postgres-server.ts";
import { BATCH_FUNCTIONS } from "./batch-functions.ts";
import { FUNCTIONS } from "./functions.ts";
import { policies, tables } from "./schema.ts";

export type Layout = "flat" | "monthly";

const ROLE = "parley_app";
export const POOL_SIZE = 10;

/** Makes one schema per layout with its tables, functions and policies, and a role that owns none of it. */
export async function prepareDatabase(server: PostgresServer): Promise<void> {
  const owner = postgres(server.url("postgres"), { max: 1, onnotice: () => undefined });
  try {
    await owner.unsafe(`create role ${ROLE} login password 'app'`);
    for (const layout of ["flat", "monthly"] satisfies Layout[]) {
      await owner.unsafe(`create schema ${layout}; set search_path to ${layout};`);
      await owner.unsafe(tables({ monthly: layout === "monthly" }));
      await owner.unsafe(FUNCTIONS + BATCH_FUNCTIONS);
      await owner.unsafe(`alter function checkpoint set search_path to ${layout};`);
      await owner.unsafe(policies(layout, ROLE));
    }
  } finally {
    await owner.end();
  }
}

/** The application's pool: not the owner, so that row-level security holds. */
export const openPool = (server: PostgresServer, layout: Layout, { prepare }: { prepare: boolean }): Sql =>
  postgres(`postgres://${ROLE}:app@127.0.0.1:${server.port}/postgres`, { max: POOL_SIZE, prepare, connection: { search_path: layout } });
