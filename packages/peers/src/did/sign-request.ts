import type { DidIdentity } from "./did-identity.ts";
import { pythonJson } from "./python-json.ts";

/** A peer refuses signatures that are older than five minutes, so each request, a repeated one too, is signed when it is sent. */
export type SignedHeaders = { "x-did": string; "x-did-timestamp": string; "x-did-signature": string };

/**
 * The headers that say who sends this body, exactly these characters, and when (seconds since 1970). They say nothing of whom it is for: a peer could show
 * them to another for as long as they are fresh, which is why a token that belongs to them goes only where it is bound to.
 */
export function signRequest({ did, sign }: Pick<DidIdentity, "did" | "sign">, body: string, nowMs: number): SignedHeaders {
  const timestamp = Math.floor(nowMs / 1_000);
  const signature = sign(pythonJson({ body, did, timestamp }));
  return { "x-did": did, "x-did-timestamp": String(timestamp), "x-did-signature": signature };
}
