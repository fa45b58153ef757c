import { ERRORS, type ErrorCode, GatewayError } from "@parley/contracts";
import postgres from "postgres";

export type Sql = postgres.Sql;

export interface ConnectOptions {
  url: string;
  /** Connections at most. */
  pool: number;
  prepare: boolean;
  applicationName: string;
}

export const connect = ({ url, pool, prepare, applicationName }: ConnectOptions): Sql =>
  postgres(url, {
    max: pool,
    prepare,
    connect_timeout: 10,
    idle_timeout: 0,
    max_lifetime: 3_600,
    onnotice: () => undefined,
    // Nothing else is set for the session: a pooler in transaction mode would refuse or lose it.
    connection: { application_name: applicationName },
  });

/** What the engine's functions raise: the message is an error code of ours. */
const REFUSED = "PY001";
/** Connection refused, broken or closed; the server starts, stops or has no slot; a lock could not be had. */
const AWAY = /^(08|57P|53|55P03|40001|40P01|57014|CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)/;

/** Runs a query; every failure comes out as a `GatewayError`: our own refusal, `storage_unavailable`, or `internal`. */
export async function guarded<Result>(query: PromiseLike<Result>): Promise<Result> {
  try {
    return await query;
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = codeOf(error);
  if (code === REFUSED && error instanceof Error && isErrorCode(error.message)) return new GatewayError(error.message);
  if (AWAY.test(code)) return new GatewayError("storage_unavailable", { cause: error, detail: `Postgres: ${code}`, retryAfterSeconds: 1 });
  return new GatewayError("internal", { cause: error, detail: `Postgres: ${code}` });
}

function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  // drizzle wraps the driver's error.
  const holder =
    "code" in error ? error : "cause" in error && typeof error.cause === "object" && error.cause !== null ? error.cause : error;
  return "code" in holder && typeof holder.code === "string" ? holder.code : "";
}

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text);
