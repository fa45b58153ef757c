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
/** Codes of JSON-RPC and of A2A by which a peer says that it has taken nothing up; -32603 and -32006 tell of work that went wrong. */
const REFUSALS = new Set([-32_700, -32_600, -32_601, -32_602, -32_001, -32_002, -32_003, -32_004, -32_005, -32_007, -32_008, -32_009]);
const TIMEOUT = 408;
const NOT_IMPLEMENTED = 501;
/** Something between us and the peer gave the answer. */
const FROM_BETWEEN = new Set([TIMEOUT, 502, 504]);

/** Whether the peer may have begun the work before it, or something between us and it, gave that answer. */
function mayHaveActed({ code, status }: NonNullable<Exchange["refusal"]>): boolean {
  const isClients = (given: number): boolean => (given >= 400 && given < 500 && given !== TIMEOUT) || given === NOT_IMPLEMENTED;
  return !REFUSALS.has(code) && !isClients(status) && !isClients(code);
}

export function whyFailed(error: unknown, { refusal }: Exchange): Failure {
  const cause = rootOf(error);
  if (cause instanceof TooMuch) return { state: "unknown", error: cause.message, said: "" };
  if (refusal !== null && !mayHaveActed(refusal))
    return { state: "failed", error: `The agent refused the message (${refusal.code}).`, said: refusal.message };
  if (refusal !== null && !FROM_BETWEEN.has(refusal.code))
    return { state: "unknown", error: `The agent failed (${refusal.code}), perhaps after it had begun.`, said: refusal.message };
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
