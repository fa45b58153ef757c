import postgres from "postgres";
import { StartFailure } from "../services/start-failure.ts";
import { notUsable } from "./not-usable.ts";

export interface GivenPostgres {
  /** The owner's. */
  url: string;
  /** The variables it was read from, as a person reads a list. */
  names: string;
}

const PARTS = ["DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME"] as const;
const ANSWER_SECONDS_MAX = 5;

/**
 * `DATABASE_URL`, or an address made of `DB_HOST`, `DB_PORT`, `DB_USER`, `DB_PASSWORD` and `DB_NAME`; null when none of
 * them is set. Throws `StartFailure` when it is no address.
 */
export function postgresFromEnvironment(environment: NodeJS.ProcessEnv): GivenPostgres | null {
  const given = environment["DATABASE_URL"];
  if (given) {
    if (URL.canParse(given)) return { url: given, names: "DATABASE_URL" };
    throw new StartFailure("DATABASE_URL is not an address like postgres://user:password@host:5432/name.");
  }
  const present = PARTS.filter((name) => environment[name]);
  if (present.length === 0) return null;
  const names = present.join(", ");
  const { DB_HOST, DB_PORT, DB_USER, DB_PASSWORD, DB_NAME } = environment;
  const host = DB_HOST || "127.0.0.1";
  const place = `${host.includes(":") ? `[${host}]` : host}:${DB_PORT || "5432"}`;
  const address = `postgres://${place}/${encodeURIComponent(DB_NAME || "parley")}`;
  if (!URL.canParse(address)) throw new StartFailure(`${names}: ${place} is not a host and a port.`);
  const url = new URL(address);
  url.username = encodeURIComponent(DB_USER || "postgres");
  url.password = encodeURIComponent(DB_PASSWORD ?? "");
  return { url: url.href, names };
}

/** Asks it for one answer. Throws `StartFailure` that names the variables, the address and the reason, within 5 seconds. */
export async function pingPostgres({ url, names }: GivenPostgres): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: ANSWER_SECONDS_MAX, onnotice: () => {} });
  try {
    await sql`select 1`;
  } catch (error) {
    throw notUsable({ what: "Postgres", place: new URL(url).host, names, error });
  } finally {
    await sql.end({ timeout: 1 });
  }
}
