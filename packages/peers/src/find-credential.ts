import { GatewayError, type PeerAuth } from "@parley/contracts";
import type { PeerTarget } from "@parley/domain";
import type { DidIdentity } from "./did/did-identity.ts";
import type { Hydra } from "./oauth/hydra.ts";
import type { ClientCredentials, TokenProvider } from "./oauth/token-provider.ts";
import { shownTo } from "./shown-to.ts";

export interface Credentials {
  /** The egress's name of an operator's secret; null where this organization may not use it. */
  findSecret(organizationId: string, name: string): string | null;
  tokens: TokenProvider;
  /** Who we are; null where nobody has said. */
  identity: Pick<DidIdentity, "did" | "publicKey" | "sign"> | null;
  hydra: Pick<Hydra, "token" | "forget"> | null;
  now: () => number;
}

/** What a peer is shown, whatever it speaks. */
interface Credential {
  token: string | null;
  /** The name of a secret that the egress puts in. */
  secret: string | null;
  /** Whose key signs; null: nothing is signed. */
  signer: NonNullable<Credentials["identity"]> | null;
}

const NOTHING: Credential = { token: null, secret: null, signer: null };

/** What goes along to that address. Throws `egress_refused` where the credential is not there, and what getting a token throws. */
export async function findCredential(
  credentials: Omit<Credentials, "now">,
  target: PeerTarget,
  place: { url: string; signal: AbortSignal },
): Promise<Credential> {
  const found = await credentialOf(credentials, target, place);
  if (found.token !== null) shownTo(target).add(found.token);
  return found;
}

async function credentialOf(
  { findSecret, tokens, identity, hydra }: Omit<Credentials, "now">,
  { auth, organizationId, id }: PeerTarget,
  { url, signal }: { url: string; signal: AbortSignal },
): Promise<Credential> {
  const named = (name: string): string => {
    const secret = findSecret(organizationId, name);
    if (secret === null) throw new GatewayError("egress_refused", { detail: `the secret of peer ${id} is not there` });
    return secret;
  };
  switch (auth.type) {
    case "none":
      return NOTHING;
    case "bearer":
      return { ...NOTHING, token: auth.token };
    case "secret":
      return { ...NOTHING, secret: named(auth.name) };
    case "oauth":
      return { ...NOTHING, token: await tokens.token(clientOf(auth), signal) };
    case "did_signed":
      if (identity === null) throw new GatewayError("egress_refused", { detail: "there is no identity to sign with" });
      if (auth.secret !== undefined) return { ...NOTHING, secret: named(auth.secret), signer: identity };
      return { ...NOTHING, token: auth.token ?? (await hydra?.token(new URL(url), signal)) ?? null, signer: identity };
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
