import { GatewayError, isGatewayError, type PeerState } from "@parley/contracts";
import { TooMuch } from "../too-much.ts";
import type { Exchange } from "./exchange.ts";

/** How a request failed: `failed` where the peer has surely not taken it up, `unknown` where it may have. Words of ours, without addresses. */
export interface Failure {
  state: Extract<PeerState, "failed" | "unknown">;
  error: string;
  /** What the peer itself says about it. */
  said: string;
}

/** No connection came about, so the peer was told nothing. */
const NOT_CONNECTED = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);
/** Something between us and the peer gave the answer. */
const NOT_ITS_OWN = new Set([408, 502, 504]);

export function whyFailed(error: unknown, { refusal }: Exchange): Failure {
  const cause = rootOf(error);
  if (cause instanceof TooMuch) return { state: "unknown", error: cause.message, said: "" };
  if (refusal !== null && !NOT_ITS_OWN.has(refusal.code))
    return { state: "failed", error: `The agent refused the message (${refusal.code}).`, said: refusal.message };
  if (isGatewayError(cause, "egress_refused")) return failed("The agent may not be called from here.");
  if (isGatewayError(cause, "egress_failed") && NOT_CONNECTED.has(codeOf(cause))) return failed("The agent could not be reached.");
  if (cause instanceof GatewayError || refusal !== null) return unknown("The connection to the agent broke off.");
  return unknown("The agent's answer could not be understood.");
}

const failed = (error: string): Failure => ({ state: "failed", error, said: "" });
const unknown = (error: string): Failure => ({ state: "unknown", error, said: "" });

/** What the SDK has put into its own. */
function rootOf(error: unknown): unknown {
  for (let next = error, depth = 0; next instanceof Error && depth < 8; next = next.cause, depth += 1)
    if (next instanceof TooMuch || next instanceof GatewayError) return next;
  return error;
}

const codeOf = ({ cause }: Error): string => (cause instanceof Error && "code" in cause ? String(cause.code) : "");
