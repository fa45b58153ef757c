import {
  GatewayError,
  isGatewayError,
  isObject,
  pluginName,
  type Voucher,
  voucher,
  walletAddress,
  walletSessionId,
} from "@parley/contracts";
import type { NamedSession } from "@parley/domain";
import type { Request, Response } from "express";
import type { ReadJsonBody } from "../json-body.ts";
import type { Json } from "./plugins/plugin.ts";

export type PaymentMethod = "session" | "mpp" | "stripe";

const METHODS: ReadonlySet<string> = new Set<PaymentMethod>(["session", "mpp", "stripe"]);
const STANDARD_PLUGIN = "agent";
const VOUCHER_CHARS_MAX = 8_192;

const headerOf = ({ headers }: Request, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** A body that is no JSON object counts as empty; `trouble` says what it was instead. */
export async function readLooseBody(
  read: ReadJsonBody,
  request: Request,
  response: Response,
): Promise<{ body: Json; trouble: string | null }> {
  try {
    const body = await read(request, response);
    if (isObject(body)) return { body, trouble: null };
    return { body: {}, trouble: body === undefined ? null : "The body is not a JSON object." };
  } catch (error) {
    if (isGatewayError(error, "bad_request")) return { body: {}, trouble: error.message };
    throw error;
  }
}

/** Header before body before the standard one; null for what can be no plugin's name. */
export function pluginOf(request: Request, body: Json): string | null {
  const named = headerOf(request, "x-plugin-id") ?? body["plugin"] ?? STANDARD_PLUGIN;
  return pluginName.safeParse(named).data ?? null;
}

/**
 * The first that applies: shown by a credential, as who has paid is never asked again for the way that the call was first sent in; named; shown by a session; else the caller's
 * own credits.
 */
export function methodOf(request: Request): PaymentMethod {
  if (credentialIn(request) !== null) return "mpp";
  const named = headerOf(request, "x-payment-method");
  if (named !== undefined && METHODS.has(named)) return named as PaymentMethod;
  return headerOf(request, "x-session-id") === undefined ? "stripe" : "session";
}

/** What was paid with, where a credential says so: behind `Payment `. */
export function credentialIn(request: Request): string | null {
  for (const name of ["payment-authorization", "authorization"]) {
    const value = headerOf(request, name);
    if (value?.startsWith("Payment ")) return value.slice("Payment ".length).trim();
  }
  return null;
}

function voucherOf(request: Request): Voucher | null {
  const text = headerOf(request, "x-session-voucher");
  if (text === undefined) return null;
  try {
    if (text.length > VOUCHER_CHARS_MAX) throw new Error("too long");
    return voucher.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
  } catch (cause) {
    throw new GatewayError("voucher_failed", { cause, text: "The voucher cannot be read." });
  }
}

/** Throws `session_required` where a header is missing; what can be no session's is `session_invalid`. */
export function sessionOf(request: Request): NamedSession {
  const id = headerOf(request, "x-session-id");
  const address = headerOf(request, "x-wallet-address");
  if (id === undefined || address === undefined) throw new GatewayError("session_required");
  const [sessionId, wallet] = [walletSessionId.safeParse(id), walletAddress.safeParse(address)];
  if (!sessionId.success || !wallet.success) throw new GatewayError("session_invalid");
  return { sessionId: sessionId.data, wallet: wallet.data, voucher: voucherOf(request) };
}
