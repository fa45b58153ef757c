import { ERRORS, type GatewayError, type Usage } from "@parley/contracts";
import type { RefusedRow } from "../tell-refused-by.ts";

export interface PlanFrame {
  event: string;
  data: object;
}

/** What is told at a plan's end besides its answer. */
export interface PlanFailure {
  code: string;
  message: string;
  /** Whether the same call, or the same with the last frame's id, may succeed later. */
  retryable: boolean;
  /** Which balance or budget has refused. */
  refused_by?: RefusedRow;
}

export const failureOf = ({ code, message }: GatewayError): PlanFailure => ({ code, message, retryable: ERRORS[code].retry });

export const usageFrame = ({ inputTokens, outputTokens, cachedTokens }: Usage) => ({
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
  cachedInputTokens: cachedTokens,
});
