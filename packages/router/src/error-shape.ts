import { randomUUID } from "node:crypto";
import { ERRORS, type ErrorCode, type ErrorIssue, GatewayError, type RefusedBy } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { TRPCError, type TRPCErrorShape } from "@trpc/server";
import { TRPC_ERROR_CODES_BY_KEY } from "@trpc/server/rpc";
import { ZodError } from "zod";
import type { Context } from "./context.ts";

/** What a caller is told about a failure, beside its message. */
export interface ErrorData {
  code: ErrorCode;
  httpStatus: number;
  /** Whether the same call may succeed later without any change. */
  retry: boolean;
  retryAfterSeconds?: number;
  /** Which balance or budget has refused. */
  refusedBy?: RefusedBy;
  /** Which fields are wrong, by their path in the input. */
  issues?: ErrorIssue[];
  /** For an `internal` failure: where to find it in the log. */
  logId?: string;
}

export interface GatewayErrorShape extends TRPCErrorShape<ErrorData> {
  message: string;
}

export const issuesOf = (error: ZodError): ErrorIssue[] =>
  error.issues.map(({ path, message, code }) => ({
    path: path.map((part) => (typeof part === "symbol" ? String(part) : part)),
    message,
    code: code ?? "custom",
  }));

/** The inputs that say where to go on: one that cannot be read is refused like one that was never given out. */
const CURSORS: ReadonlySet<unknown> = new Set(["after", "before", "lastEventId"]);
const isOfCursor = ({ issues }: ZodError): boolean => issues.every(({ path }) => path.length === 1 && CURSORS.has(path[0]));

const CODES = Object.keys(ERRORS) as ErrorCode[];

/** The transport's own refusals (no such procedure, wrong method, unreadable body) have no row yet: the first of their kind is theirs. */
const ofTransport = (code: string): ErrorCode =>
  code === "PARSE_ERROR" ? "bad_request" : (CODES.find((row) => ERRORS[row].trpc === code) ?? "internal");

/** Any thrown thing as the one error that doors translate. */
export function toGatewayError(thrown: unknown): GatewayError {
  const cause = thrown instanceof TRPCError ? (thrown.cause ?? thrown) : thrown;
  if (cause instanceof GatewayError) return cause;
  if (cause instanceof ZodError) {
    return new GatewayError(isOfCursor(cause) ? "invalid_cursor" : "invalid_input", { issues: issuesOf(cause) });
  }
  if (thrown instanceof TRPCError && (thrown === cause || thrown.code !== "INTERNAL_SERVER_ERROR")) {
    return new GatewayError(ofTransport(thrown.code), { detail: thrown.message, cause: thrown });
  }
  return new GatewayError("internal", { cause });
}

interface Failed {
  log: Log | undefined;
  /** What was called. */
  path: string | undefined;
}

/** What a caller is told of a failure, and the log what a caller must not be told: the details of an `internal` one. */
export function errorData(error: GatewayError, { log, path }: Failed): ErrorData {
  const row = ERRORS[error.code];
  const data: ErrorData = { code: error.code, httpStatus: row.http, retry: row.retry };
  if (error.retryAfterSeconds !== undefined) data.retryAfterSeconds = error.retryAfterSeconds;
  if (error.refusedBy !== undefined) data.refusedBy = error.refusedBy;
  if (error.issues !== undefined) data.issues = error.issues;
  if (error.code === "internal") {
    data.logId = randomUUID();
    log?.error({ logId: data.logId, path, error: error.cause ?? error, detail: error.detail }, "A procedure failed");
  }
  return data;
}

/** The same as tRPC's clients know it. */
export function formatError(opts: { error: TRPCError; path: string | undefined; ctx: Context | undefined }): GatewayErrorShape {
  const error = toGatewayError(opts.error);
  const data = errorData(error, { log: opts.ctx?.log, path: opts.path });
  return { message: error.message, code: TRPC_ERROR_CODES_BY_KEY[ERRORS[error.code].trpc], data };
}
