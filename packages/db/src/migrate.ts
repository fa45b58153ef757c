import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import postgres from "postgres";

const FOLDER = new URL("../migrations/", import.meta.url);
/** Two migrations at once wait for each other here. */
const LOCK = 4_766_001;

export interface MigrateOptions {
  /** A role that may create tables and roles. */
  ownerUrl: string;
  /** Passwords of the roles `parley_app` and `parley_sweep`, which are made where they are missing. */
  appPassword: string;
  sweepPassword: string;
}

/**
 * Brings the database to the newest schema: each numbered file once, in order, in one transaction each. A file that
 * changed after it was applied is an error. Returns the names of the files applied now.
 */
export async function migrate({ ownerUrl, appPassword, sweepPassword }: MigrateOptions): Promise<string[]> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined, connection: { application_name: "parley-migrate" } });
  try {
    await sql`select pg_advisory_lock(${LOCK})`;
    await ensureRole(sql, "parley_app", appPassword);
    await ensureRole(sql, "parley_sweep", sweepPassword);
    await sql`create table if not exists schema_migrations (
      name text primary key, hash text not null, applied_at timestamptz not null default now())`;
    const applied = new Map(
      (await sql<{ name: string; hash: string }[]>`select name, hash from schema_migrations`).map((row) => [row.name, row.hash]),
    );
    const now: string[] = [];
    for (const name of (await readdir(FOLDER)).filter((file) => file.endsWith(".sql")).sort()) {
      const text = await readFile(new URL(name, FOLDER), "utf8");
      const hash = createHash("sha256").update(text).digest("hex");
      const known = applied.get(name);
      if (known === hash) continue;
      if (known !== undefined) throw new Error(`Migration ${name} was changed after it had been applied. Migrations are never edited.`);
      await sql.begin(async (tx) => {
        await tx`set local lock_timeout = '10s'`;
        await tx.unsafe(text);
        await tx`insert into schema_migrations (name, hash) values (${name}, ${hash})`;
      });
      now.push(name);
    }
    return now;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function ensureRole(sql: postgres.Sql, role: string, password: string): Promise<void> {
  // Roles belong to the whole server, so that another database's migration may be doing the same.
  const known = await sql`select 1 from pg_roles where rolname = ${role}`;
  const quoted = `'${password.replaceAll("'", "''")}'`;
  const attributes = `login nosuperuser nobypassrls password ${quoted}`;
  if (known.length > 0) await sql.unsafe(`alter role ${role} ${attributes}`);
  else await sql.unsafe(`create role ${role} ${attributes}`);
  // Of the role and not of the session, so that it holds behind a pooler too. A statement that waits for a lock this
  // long has met a fault, not a queue.
  await sql.unsafe(`alter role ${role} set statement_timeout = '30s'`);
  await sql.unsafe(`alter role ${role} set lock_timeout = '10s'`);
}
