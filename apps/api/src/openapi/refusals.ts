import { budgetPeriod, budgetScope, ERRORS, type ErrorCode } from "@parley/contracts";
import type { RouteRow } from "@parley/router";
import { z } from "zod";
import type { Envelope, Operation } from "./operation.ts";

const text = z.string();
const code = z.string().nullable();

export const refusedBy = z
  .object({
    kind: z.enum(["balance", "budget"]),
    scope: budgetScope.optional(),
    period: budgetPeriod.optional(),
    tooLarge: z.literal(true).optional().meta({ description: "Something is left of it, and less than this needs." }),
    limitMicros: z.int().optional(),
    spentMicros: z.int().optional(),
  })
  .meta({ id: "RefusedBy", description: "Which balance or budget has refused; amounts are micro-units." });

/** What a refusal looks like, by door. */
export const ENVELOPES: Record<Envelope, z.ZodType> = {
  detail: z
    .object({
      detail: z.union([text, z.array(z.object({ loc: z.array(z.union([text, z.number()])), msg: text, type: text }))]),
    })
    .meta({ id: "Refusal", description: "One sentence; a list of wrong fields where the input does not fit." }),
  openai: z
    .object({ error: z.object({ message: text, type: text, param: text.nullable(), code, refusedBy: refusedBy.optional() }) })
    .meta({ id: "OpenaiRefusal" }),
  plain: z
    .looseObject({
      error: text,
      retryAfterSeconds: z.number().optional(),
      issues: z.array(z.object({ path: text, message: text })).optional(),
      refusedBy: refusedBy.optional(),
    })
    .meta({ id: "PlainRefusal" }),
  coded: z
    .object({
      error: z.object({ code: text, message: text, request_id: text, issues: z.array(z.looseObject({ message: text })).optional() }),
    })
    .meta({ id: "CodedRefusal" }),
  plan: z
    .object({ error: text, detail: text.optional(), issues: z.array(z.object({ path: text, message: text })).optional() })
    .meta({ id: "PlanRefusal" }),
  paid: z.looseObject({ error: text, code: text, message: text, refusedBy: refusedBy.optional() }).meta({ id: "PaidRefusal" }),
  rpc: z
    .object({
      jsonrpc: z.literal("2.0"),
      id: z.null(),
      error: z.object({ code: z.int(), message: text, data: z.looseObject({}).optional() }),
    })
    .meta({ id: "RpcRefusal" }),
  a2a: z
    .union([
      z.object({ error: z.object({ code: z.int(), status: text, message: text, details: z.array(z.looseObject({})) }) }),
      z.object({ code: z.int(), message: text }),
    ])
    .meta({ id: "A2aRefusal", description: "As version 1.0 has it, or as 0.3." }),
};

/** What comes with offers, or refuses a credential, is the payment standard's problem besides. */
export const PAID_PROBLEM = z
  .looseObject({
    ...{ error: text, code: text, message: text, refusedBy: refusedBy.optional() },
    ...{ type: text, title: text, status: z.int(), detail: text, challengeId: text.nullable().optional() },
  })
  .meta({ id: "PaidProblem", description: "Offers stand in `WWW-Authenticate`." });

const ANY: ErrorCode[] = ["bad_request", "internal", "storage_unavailable"];
const WITH_BODY: ErrorCode[] = ["body_too_large", "unsupported_media_type", "invalid_input"];
const REPEATABLE: ErrorCode[] = ["idempotency_mismatch", "call_under_way", "invalid_input"];
const TURN: ErrorCode[] = ["queue_full", "message_too_large", "turn_in_progress", "nothing_to_steer", "not_found"];
const DIRECT: ErrorCode[] = [
  "budget_exhausted",
  "model_unpriced",
  ...TURN,
  "answer_not_kept",
  "model_not_found",
  "model_refused",
  "model_busy",
  "model_rejected",
  "model_unavailable",
  "egress_refused",
  "egress_failed",
  "turn_pending",
];

/** Every refusal that a route may answer with: what follows from its row, and what it adds. */
export function refusalsOf(row: RouteRow, path: string, { body, query, refusals = [] }: Operation): ErrorCode[] {
  const codes: ErrorCode[] = [...ANY, ...refusals];
  if (row.rateLimit !== "none") codes.push("too_many_requests");
  if (row.scope === "admin_secret") codes.push("unauthenticated", "admin_not_configured");
  else if (row.scope !== "public" && row.scope !== "signature" && row.scope !== "payment") {
    codes.push("unauthenticated", row.scope === "authenticated" ? "csrf_refused" : "missing_scope");
  }
  if (body !== undefined) codes.push(...WITH_BODY);
  if (query !== undefined || path.includes(":")) codes.push("invalid_input");
  if (row.tenant !== "none" || path.includes(":")) codes.push("not_found");
  if (row.idempotency === "key") codes.push(...REPEATABLE);
  if (row.metering === "turn") codes.push(...TURN);
  if (row.metering === "direct") codes.push(...DIRECT);
  if (row.attaches) codes.push("too_many_streams", "invalid_cursor", "stream_ended");
  return [...new Set(codes)];
}

/** The same by status. */
export function byStatus(codes: ErrorCode[]): Map<number, ErrorCode[]> {
  const statuses = new Map<number, ErrorCode[]>();
  for (const one of codes) statuses.set(ERRORS[one].http, [...(statuses.get(ERRORS[one].http) ?? []), one]);
  return new Map([...statuses].sort(([a], [b]) => a - b));
}
