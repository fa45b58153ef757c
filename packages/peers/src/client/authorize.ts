import { GatewayError, type PeerAuth } from "@parley/contracts";
import type { PeerTarget } from "@parley/domain";
import type { EgressInit } from "@parley/egress";
import type { DidIdentity } from "../did/did-identity.ts";
import { signRequest } from "../did/sign-request.ts";
import type { Hydra } from "../oauth/hydra.ts";
import type { ClientCredentials, TokenProvider } from "../oauth/token-provider.ts";

export interface Credentials {
  /** The egress's name of an operator's secret; null where this organization may not use it. */
  findSecret(organizationId: string, name: string): string | null;
  tokens: TokenProvider;
  /** Who we are; null where nobody has said. */
  identity: Pick<DidIdentity, "did" | "publicKey" | "sign"> | null;
  hydra: Pick<Hydra, "token" | "forget"> | null;
  now: () => number;
}

/** What goes along with a request to a peer. Throws `egress_refused` where its credential is not there. */
export async function authorize(
  { findSecret, tokens, identity, hydra, now }: Credentials,
  target: PeerTarget,
  { url, body, signal }: { url: string; body: string; signal: AbortSignal },
): Promise<Pick<EgressInit, "headers" | "secret">> {
  const { auth, organizationId } = target;
  const named = (name: string): { secret: string } => {
    const secret = findSecret(organizationId, name);
    if (secret === null) throw new GatewayError("egress_refused", { detail: `the secret of peer ${target.id} is not there` });
    return { secret };
  };
  switch (auth.type) {
    case "none":
      return {};
    case "bearer":
      return { headers: bearer(auth.token) };
    case "secret":
      return named(auth.name);
    case "oauth":
      return { headers: bearer(await tokens.token(clientOf(auth), signal)) };
    case "did_signed": {
      if (identity === null) throw new GatewayError("egress_refused", { detail: "there is no identity to sign with" });
      const signed = signRequest(identity, body, now());
      if (auth.secret !== undefined) return { headers: signed, ...named(auth.secret) };
      if (auth.token !== undefined) return { headers: { ...signed, ...bearer(auth.token) } };
      if (hydra === null) return { headers: signed };
      return { headers: { ...signed, ...bearer(await hydra.token(new URL(url), signal)) } };
    }
  }
}

/** The peer has refused what it was shown: a token that was kept is got anew for the next request. */
export function forgetToken({ tokens, hydra }: Pick<Credentials, "tokens" | "hydra">, { auth }: Pick<PeerTarget, "auth">): void {
  if (auth.type === "oauth") tokens.forget(clientOf(auth));
  if (auth.type === "did_signed" && auth.secret === undefined && auth.token === undefined) hydra?.forget();
}

const clientOf = ({ tokenUrl, clientId, clientSecret, scope = "" }: Extract<PeerAuth, { type: "oauth" }>): ClientCredentials => ({
  tokenUrl,
  clientId,
  clientSecret,
  scope,
});

const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });
