import { GatewayError, isGatewayError } from "@parley/contracts";
import { toEgressError } from "@parley/egress";
import { APIError } from "openai";

const DETAIL_CHARS_MAX = 500;
/** Timeout, conflict, too early, rate limit: the same request may be taken later. */
const TRANSIENT_STATUSES = new Set([408, 409, 425, 429]);

const isTransient = (status: number): boolean => status >= 500 || status < 400 || TRANSIENT_STATUSES.has(status);

/** Retry-After as seconds, also where it comes as a date; undefined where it is missing or makes no sense. */
export const retryAfterSecondsOf = (value: string | null | undefined): number | undefined => {
  if (!value) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
};

/** The answer broke off or made no sense; asking again may help. */
export const brokenAnswer = (provider: string, what: string, cause?: unknown): GatewayError =>
  new GatewayError("model_unavailable", { text: "The model's answer broke off.", detail: `${provider}: ${what}`, cause });

interface Refusal {
  provider: string;
  status: number;
  message: string;
  retryAfter?: string | null | undefined;
}

/** What a provider says about a wrong key may repeat the key, so that is left out. */
export const refusedBy = ({ provider, status, message, retryAfter }: Refusal): GatewayError => {
  const said = status === 401 || status === 403 ? "the provider does not take the key" : message.slice(0, DETAIL_CHARS_MAX);
  const detail = `${provider} answered ${status}: ${said}`;
  if (!isTransient(status)) return new GatewayError("model_rejected", { detail });
  const retryAfterSeconds = retryAfterSecondsOf(retryAfter);
  return new GatewayError("model_unavailable", { detail, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
};

/** Any failure of a call to a provider as one of the model's: `model_unavailable` or `model_rejected` where it is not one already. */
export const toModelError = (error: unknown, provider: string): GatewayError => {
  if (isGatewayError(error) && error.code.startsWith("model_")) return error;
  if (error instanceof APIError && error.status !== undefined) {
    return refusedBy({ provider, status: error.status, message: error.message, retryAfter: error.headers?.get("retry-after") });
  }
  const reached = toEgressError(error, provider);
  const code = reached.code === "egress_refused" ? "model_rejected" : "model_unavailable";
  return new GatewayError(code, { detail: `${provider}: ${reached.detail ?? reached.message}`, cause: error });
};
