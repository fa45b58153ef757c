import type { PeerTarget } from "@parley/domain";
import type { EgressInit } from "@parley/egress";
import { signRequest } from "../did/sign-request.ts";
import { type Credentials, findCredential } from "../find-credential.ts";
import { shownTo } from "../shown-to.ts";

export type Authorized = Pick<EgressInit, "headers" | "secret" | "shown">;

/** What goes along with a request to a peer. Throws as `findCredential` does. */
export async function authorize(
  credentials: Credentials,
  target: PeerTarget,
  { url, body, signal }: { url: string; body: string; signal: AbortSignal },
): Promise<Authorized> {
  const { token, secret, signer } = await findCredential(credentials, target, { url, signal });
  const signed = signer === null ? {} : signRequest(signer, body, credentials.now());
  const headers = { ...signed, ...(token !== null && { authorization: `Bearer ${token}` }) };
  return { headers, shown: shownTo(target), ...(secret !== null && { secret }) };
}
