import { createHmac } from "node:crypto";
import type { RestAnswer, RestRequest, System } from "@parley/testkit";

export interface SignedCall {
  secret: string;
  algorithm?: "sha256" | "sha384" | "sha512";
  /** Unix seconds. */
  timestamp?: string;
  headers?: Record<string, string>;
}

/** Posts what a sender would: the body, with its signature. */
export function postSigned(
  system: System,
  path: string,
  body: string,
  { secret, algorithm = "sha256", timestamp, headers }: SignedCall,
): Promise<RestAnswer> {
  const signed = timestamp === undefined ? body : `${timestamp}.${body}`;
  const request: RestRequest = {
    body,
    headers: {
      ...(timestamp !== undefined && { "x-webhook-timestamp": timestamp }),
      "x-webhook-signature": createHmac(algorithm, secret).update(signed).digest("hex"),
      ...headers,
    },
  };
  return system.rest(0, null).call(path, request);
}
