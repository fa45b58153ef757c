import type { Socket } from "node:net";
import { budgetExhausted, ERRORS, type ErrorCode, GatewayError } from "@parley/contracts";
import postgres from "postgres";
import { type ServerPlace, socketOpener } from "./open-socket.ts";

export type Sql = postgres.Sql;

export interface ConnectOptions {
  url: string;
  /** Connections at most. */
  pool: number;
  prepare: boolean;
  applicationName: string;
}

/**
 * A connection that failed is tried again after this long, with the statement that wants it; none tries without one. The driver's own pauses
 * grow with the failures of all connections together: a pool that has met a restart of Postgres would leave statements waiting for 20 s.
 */
const RECONNECT_MS = 200;

/** The driver's own options, and one that its types do not know. */
type Options = postgres.Options<Record<string, never>> & { socket(place: ServerPlace): Promise<Socket> };

export function connect({ url, pool, prepare, applicationName }: ConnectOptions): Sql {
  const options: Options = {
    max: pool,
    prepare,
    // Nobody would hear that this question of the driver's own failed, so that a connection which breaks at its very beginning would end the process.
    fetch_types: false,
    connect_timeout: 10,
    backoff: () => ((0.5 + Math.random() / 2) * RECONNECT_MS) / 1_000,
    idle_timeout: 0,
    max_lifetime: 3_600,
    onnotice: () => undefined,
    socket: socketOpener(url),
    // The opener has seen to it.
    ssl: false,
    // Nothing else is set for the session: a pooler in transaction mode would refuse or lose it.
    connection: { application_name: applicationName },
  };
  return postgres(url, options);
}

/** What the engine's functions raise: the message is an error code of ours. */
const REFUSED = "PY001";
/** A row is not what its table takes; of the ledger's accounts: more than a number tells exactly. */
const CHECKED = "23514";
const EXACT_SUMS = "ledger_balances_exact";
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
  if (code === REFUSED && error instanceof Error && isErrorCode(error.message)) {
    // Budgets refuse in what a function returns: one that has to undo its work has come to the end of the balance.
    return error.message === "budget_exhausted" ? budgetExhausted({ kind: "balance" }) : new GatewayError(error.message);
  }
  if (code === CHECKED && constraintOf(error) === EXACT_SUMS) return new GatewayError("sum_too_large", { cause: error });
  if (AWAY.test(code)) return new GatewayError("storage_unavailable", { cause: error, detail: `Postgres: ${code}`, retryAfterSeconds: 1 });
  return new GatewayError("internal", { cause: error, detail: `Postgres: ${code}` });
}

/** The driver's own error; drizzle wraps it. */
function driversOwn(error: unknown): object {
  if (typeof error !== "object" || error === null) return {};
  if ("code" in error) return error;
  return "cause" in error && typeof error.cause === "object" && error.cause !== null ? error.cause : error;
}

function codeOf(error: unknown): string {
  const own = driversOwn(error);
  return "code" in own && typeof own.code === "string" ? own.code : "";
}

function constraintOf(error: unknown): string | null {
  const own = driversOwn(error);
  return "constraint_name" in own && typeof own.constraint_name === "string" ? own.constraint_name : null;
}

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text);
