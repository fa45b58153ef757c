import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";

export interface FreshDatabase {
  /** As the superuser: goes around row-level security. */
  ownerUrl: string;
  /** As the application's role. */
  url: string;
  sweepUrl: string;
  drop(): Promise<void>;
}

/** Where a database is cloned from, and the passwords of the application's roles. */
export interface DatabaseServer {
  postgresAdminUrl: string;
  templateDatabase: string;
  appPassword: string;
  sweepPassword: string;
}

const ofThisRun = (): DatabaseServer => ({
  postgresAdminUrl: inject("postgresAdminUrl"),
  templateDatabase: inject("templateDatabase"),
  appPassword: inject("appPassword"),
  sweepPassword: inject("sweepPassword"),
});

/** A database of its own, cloned from the migrated template; outside of a test run the server has to be given. */
export async function freshDatabase(server = ofThisRun()): Promise<FreshDatabase> {
  const { postgresAdminUrl: adminUrl, templateDatabase, appPassword, sweepPassword } = server;
  const name = `test_${randomBytes(6).toString("hex")}`;
  const admin = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`create database ${name} template ${templateDatabase}`);
  await admin.end();

  const as = (user: string, password: string) => {
    const url = new URL(adminUrl);
    url.username = user;
    url.password = password;
    url.pathname = `/${name}`;
    return url.href;
  };
  const ownerUrl = new URL(adminUrl);
  ownerUrl.pathname = `/${name}`;
  return {
    ownerUrl: ownerUrl.href,
    url: as("parley_app", appPassword),
    sweepUrl: as("parley_sweep", sweepPassword),
    async drop() {
      const again = postgres(adminUrl, { max: 1, onnotice: () => undefined });
      await again.unsafe(`drop database if exists ${name} with (force)`);
      await again.end();
    },
  };
}

/** A prefix of its own in the Redis that all tests share. */
export const freshRedis = () => ({ redisUrl: inject("redisUrl"), redisPrefix: `t-${randomBytes(6).toString("hex")}` });
