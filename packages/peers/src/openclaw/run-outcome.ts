import { ERRORS, isGatewayError } from "@parley/contracts";
import type { PeerCall, PeerOutcome } from "@parley/domain";
import type { RunEnd } from "./chat-run.ts";
import type { Talk } from "./follow-run.ts";
import { GatewayRefusal } from "./gateway-refusal.ts";

/** Exactly `{input}` with a text is that text; anything else is JSON. */
export function wordsOf({ input }: PeerCall): string {
  const { input: text, ...rest } = input;
  return typeof text === "string" && Object.keys(rest).length === 0 ? text : JSON.stringify(input);
}

export const answered = ({ call, run }: Talk, { state, prompt, text, tokens }: RunEnd): PeerOutcome => ({
  ...blank(call),
  ...{ state, prompt, text, tokens, taskId: run.runId },
  artifacts: text === "" ? [] : [{ id: run.runId, name: null, parts: [{ kind: "text", text }] }],
});

const BROKEN = "The connection to the agent broke off.";

/** It has the run, and nobody knows what became of it. */
export const lost = ({ call, run }: Talk): PeerOutcome => ({ ...blank(call), taskId: run.runId, error: BROKEN });

/** Nobody knows whether it has the run. */
export const unanswered = (call: PeerCall): PeerOutcome => ({ ...blank(call), error: BROKEN });

/** It surely has not. Words of ours, without addresses, and what it says itself. */
export const notTaken = (call: PeerCall, error: unknown): PeerOutcome => ({
  ...blank(call),
  ...{ state: "failed", prompt: error instanceof GatewayRefusal ? error.message : "" },
  ...(isTokenMissing(call, error)
    ? { error: ERRORS.gateway_token_missing.text, failure: "peer_token_missing" as const }
    : { error: reasonOf(error) }),
});

const ABOUT_TOKENS = /auth|token|password|pair/i;
const REASONS: Record<string, string> = {
  TIMEOUT: "The agent did not answer in time.",
  NONSENSE: "The agent's answer could not be understood.",
  PROTOCOL: "The agent speaks another version of the protocol.",
  TOO_LONG: "The message is longer than the agent takes.",
};

const isTokenMissing = ({ target }: PeerCall, error: unknown): boolean =>
  error instanceof GatewayRefusal && target.auth.type === "none" && ABOUT_TOKENS.test(`${error.code} ${error.message}`);

function reasonOf(error: unknown): string {
  if (isGatewayError(error, "egress_refused")) return "The agent may not be called from here.";
  if (!(error instanceof GatewayRefusal)) return "The agent could not be reached.";
  const { code } = error;
  return REASONS[code] ?? `The agent refused (${code.replace(/[^\w.-]/g, "")}).`;
}

const blank = ({ contextId, taskId }: PeerCall): PeerOutcome => ({
  ...{ state: "unknown", taskId, contextId, prompt: "", error: null, text: "", artifacts: [] },
  ...{ signatures: null, did: null, didSource: null, cut: false },
});
