import type { RefusedBy } from "./budget.ts";

interface ErrorRow {
  http: number;
  trpc: string;
  /** Whether the same call may succeed later without any change. */
  retry: boolean;
  text: string;
  /** Nothing of ours has failed, though the status says so: a door's clients know it by that one. */
  isRefusal?: true;
}

/** Every refusal of the gateway. Doors translate a row into their own envelope and read nothing else. */
export const ERRORS = {
  bad_request: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "The request is malformed." },
  invalid_input: { http: 422, trpc: "UNPROCESSABLE_CONTENT", retry: false, text: "The request does not fit the schema." },
  invalid_cursor: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "The cursor is not one of this conversation." },
  unauthenticated: { http: 401, trpc: "UNAUTHORIZED", retry: false, text: "A valid credential is required." },
  admin_not_configured: {
    http: 503,
    trpc: "SERVICE_UNAVAILABLE",
    retry: false,
    text: "Admin authentication is not configured: set ADMIN_SECRET.",
  },
  missing_scope: { http: 403, trpc: "FORBIDDEN", retry: false, text: "The credential lacks the scope for this." },
  csrf_refused: { http: 403, trpc: "FORBIDDEN", retry: false, text: "This call needs the session's CSRF token." },
  not_found: { http: 404, trpc: "NOT_FOUND", retry: false, text: "Not found." },
  method_not_allowed: { http: 405, trpc: "METHOD_NOT_SUPPORTED", retry: false, text: "The method is not allowed here." },
  turn_in_progress: { http: 409, trpc: "CONFLICT", retry: false, text: "This conversation is still answering." },
  agent_suspended: { http: 409, trpc: "CONFLICT", retry: false, text: "This agent is suspended: it takes nothing new." },
  nothing_to_steer: { http: 409, trpc: "CONFLICT", retry: false, text: "No turn is running that could be steered." },
  version_mismatch: { http: 409, trpc: "CONFLICT", retry: false, text: "The conversation has changed since." },
  message_still_waiting: { http: 409, trpc: "CONFLICT", retry: false, text: "The message still waits: change it in the queue." },
  not_a_user_message: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "Only a user's message can be edited." },
  invalid_answers: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "The answers do not fit the questions." },
  card_closed: { http: 409, trpc: "CONFLICT", retry: false, text: "This was decided before." },
  card_expired: { http: 409, trpc: "CONFLICT", retry: false, text: "The time to decide this is over." },
  approval_mismatch: { http: 409, trpc: "CONFLICT", retry: false, text: "The call to approve has other arguments than those." },
  message_not_waiting: { http: 409, trpc: "CONFLICT", retry: false, text: "The message no longer waits in the queue." },
  idempotency_mismatch: { http: 409, trpc: "CONFLICT", retry: false, text: "This idempotency key was used with another body." },
  body_too_large: { http: 413, trpc: "PAYLOAD_TOO_LARGE", retry: false, text: "The body is larger than the limit." },
  message_too_large: { http: 413, trpc: "PAYLOAD_TOO_LARGE", retry: false, text: "The message is larger than the limit." },
  unsupported_media_type: { http: 415, trpc: "UNSUPPORTED_MEDIA_TYPE", retry: false, text: "The content type is not supported." },
  too_many_requests: { http: 429, trpc: "TOO_MANY_REQUESTS", retry: true, text: "Too many requests; try again later." },
  too_many_streams: {
    http: 429,
    trpc: "TOO_MANY_REQUESTS",
    retry: true,
    text: "Too many streams are open with this credential.",
  },
  queue_full: { http: 429, trpc: "TOO_MANY_REQUESTS", retry: true, text: "The conversation's queue is full." },
  model_not_found: { http: 404, trpc: "NOT_FOUND", retry: false, text: "There is no such model here." },
  /** The caller's own request is wrong for the model; the text is the provider's. */
  model_refused: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "The model does not take this request." },
  /** Nothing is left of the money, or of a budget, that this would use. */
  budget_exhausted: { http: 402, trpc: "PAYMENT_REQUIRED", retry: false, text: "The balance or a budget has no room for this." },
  model_unpriced: { http: 403, trpc: "FORBIDDEN", retry: false, text: "The model has no price here and may not be called." },
  model_busy: { http: 429, trpc: "TOO_MANY_REQUESTS", retry: true, text: "The model takes no more requests right now." },
  model_rejected: { http: 502, trpc: "BAD_GATEWAY", retry: false, text: "The model refused the request." },
  model_unavailable: { http: 503, trpc: "SERVICE_UNAVAILABLE", retry: true, text: "The model is not answering." },
  egress_refused: { http: 502, trpc: "BAD_GATEWAY", retry: false, text: "The address may not be called from here." },
  egress_failed: { http: 502, trpc: "BAD_GATEWAY", retry: true, text: "The address could not be reached." },
  storage_unavailable: { http: 503, trpc: "SERVICE_UNAVAILABLE", retry: true, text: "The gateway is briefly unavailable." },
  stream_ended: { http: 503, trpc: "SERVICE_UNAVAILABLE", retry: true, text: "The stream has ended; go on after its last event." },
  attempt_superseded: {
    http: 503,
    trpc: "SERVICE_UNAVAILABLE",
    retry: true,
    text: "The answer begins anew: what was said since the cursor no longer counts.",
  },
  turn_pending: {
    http: 504,
    trpc: "GATEWAY_TIMEOUT",
    retry: false,
    text: "The turn goes on, and can be followed in its conversation.",
    isRefusal: true,
  },
  call_under_way: { http: 409, trpc: "CONFLICT", retry: true, text: "The first call with this idempotency key is still under way." },
  answer_not_kept: { http: 409, trpc: "CONFLICT", retry: false, text: "The first answer was too large to be kept for a repeated call." },
  stale_epoch: { http: 409, trpc: "CONFLICT", retry: false, text: "The right to run this conversation has passed on." },
  media_expired: { http: 410, trpc: "NOT_FOUND", retry: false, text: "Media expired" },
  range_not_satisfiable: { http: 416, trpc: "BAD_REQUEST", retry: false, text: "The file has no such range." },
  media_quota_full: { http: 413, trpc: "PAYLOAD_TOO_LARGE", retry: false, text: "The organization's files have reached their quota." },
  too_many_uploads: { http: 429, trpc: "TOO_MANY_REQUESTS", retry: true, text: "Too many uploads are under way." },
  secrets_not_configured: {
    http: 503,
    trpc: "SERVICE_UNAVAILABLE",
    retry: false,
    text: "Secrets cannot be kept here: set SECRETS_KEY.",
  },
  limit_reached: { http: 409, trpc: "CONFLICT", retry: false, text: "The organization has as many of these as it may have." },
  hook_refused: { http: 401, trpc: "UNAUTHORIZED", retry: false, text: "Invalid webhook signature" },
  hook_unmatched: { http: 404, trpc: "NOT_FOUND", retry: false, text: "No matching webhook mapping" },
  too_many_deliveries: { http: 429, trpc: "TOO_MANY_REQUESTS", retry: true, text: "Too many deliveries wait to be taken up." },
  task_not_open: { http: 409, trpc: "CONFLICT", retry: false, text: "The task takes no message now." },
  task_not_cancelable: { http: 409, trpc: "CONFLICT", retry: false, text: "The task has ended and cannot be canceled." },
  webhook_disabled: { http: 409, trpc: "CONFLICT", retry: false, text: "The endpoint is switched off." },
  payments_not_configured: {
    http: 503,
    trpc: "SERVICE_UNAVAILABLE",
    retry: false,
    text: "This way of paying is not set up here.",
  },
  plan_active: { http: 409, trpc: "CONFLICT", retry: false, text: "There is a plan already: it is changed where cards are looked after." },
  payment_refused: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "Invalid signature" },
  payment_required: { http: 402, trpc: "PAYMENT_REQUIRED", retry: false, text: "Payment is required." },
  session_required: { http: 402, trpc: "PAYMENT_REQUIRED", retry: false, text: "A session and its wallet are needed." },
  /** Also of another's session: nobody learns which there are. */
  session_invalid: { http: 402, trpc: "PAYMENT_REQUIRED", retry: false, text: "There is no active session of this wallet." },
  insufficient_balance: { http: 402, trpc: "PAYMENT_REQUIRED", retry: false, text: "There is not enough money left." },
  voucher_failed: { http: 402, trpc: "PAYMENT_REQUIRED", retry: false, text: "The voucher is not good, or was used." },
  channel_gone: { http: 410, trpc: "NOT_FOUND", retry: false, text: "There is no such channel, or it is closed." },
  unknown_plugin: { http: 400, trpc: "BAD_REQUEST", retry: false, text: "The plugin has no price." },
  no_plugin: { http: 502, trpc: "BAD_GATEWAY", retry: false, text: "There is no such plugin.", isRefusal: true },
  payment_pending: {
    http: 503,
    trpc: "SERVICE_UNAVAILABLE",
    retry: true,
    text: "It is not known yet what has become of this payment: show the same again, and do not pay anew.",
    isRefusal: true,
  },
  sum_too_large: {
    http: 409,
    trpc: "CONFLICT",
    retry: false,
    text: "No account of the ledger goes beyond 9007199254740991 micro-units, either way.",
  },
  payment_not_owed: {
    http: 409,
    trpc: "CONFLICT",
    retry: false,
    text: "Nothing is owed of this payment: it was answered, is under way, or was never found.",
  },
  plugin_failed: { http: 502, trpc: "BAD_GATEWAY", retry: true, text: "The plugin failed; the call itself was not charged." },
  /** The turn that a chat waited for has failed; the text says why. */
  chat_failed: { http: 502, trpc: "BAD_GATEWAY", retry: true, text: "Chat failed" },
  gateway_token_missing: { http: 503, trpc: "SERVICE_UNAVAILABLE", retry: false, text: "No gateway token available" },
  payment_failed: { http: 502, trpc: "BAD_GATEWAY", retry: true, text: "The payment service refused this, or did not answer." },
  internal: { http: 500, trpc: "INTERNAL_SERVER_ERROR", retry: true, text: "Something went wrong on our side." },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether it is for our log: what callers do wrong, or may do again in a moment, is not. */
export function isOurFailure(code: ErrorCode): boolean {
  const { http, isRefusal }: ErrorRow = ERRORS[code];
  return http >= 500 && isRefusal !== true;
}

/** One wrong field: where it is and what is wrong with it. */
export interface ErrorIssue {
  path: (string | number)[];
  message: string;
  code: string;
}

interface ErrorFacts {
  /** For the log only; never sent to a caller. */
  detail?: string;
  cause?: unknown;
  issues?: ErrorIssue[];
  /** Overrides the row's text where a more exact one helps the caller. */
  text?: string;
  retryAfterSeconds?: number;
  /** Of `budget_exhausted`: which balance or budget. */
  refusedBy?: RefusedBy | undefined;
}

export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly issues: ErrorIssue[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly refusedBy: RefusedBy | undefined;

  constructor(code: ErrorCode, facts: ErrorFacts = {}) {
    super(facts.text ?? ERRORS[code].text, { cause: facts.cause });
    this.name = "GatewayError";
    this.code = code;
    this.detail = facts.detail;
    this.issues = facts.issues;
    this.retryAfterSeconds = facts.retryAfterSeconds;
    this.refusedBy = facts.refusedBy;
  }
}

export const isGatewayError = (error: unknown, code?: ErrorCode): error is GatewayError =>
  error instanceof GatewayError && (code === undefined || error.code === code);
