import { GatewayError, type PeerAuth, type ShownPeerAuth } from "@parley/contracts";
import type { Vault } from "../identity/vault.ts";
import type { SealedAuth } from "./peer-store.ts";

/** Where a registered peer's credentials open. */
export const peerPlace = (organizationId: string, peerId: string): string => `peer ${organizationId} ${peerId}`;

/** Where those open that a message has brought along. */
export const broughtPlace = (organizationId: string, turnId: string, place: number): string =>
  `turn peer ${organizationId} ${turnId} ${place}`;

/** What may be shown of a credential, and the rest sealed. Throws `secrets_not_configured` where there is something to seal and no key. */
export function sealAuth(vault: Vault | null, auth: PeerAuth, place: string): SealedAuth {
  const { shown, secret } = parted(auth);
  if (secret === null) return { auth: shown, sealed: null };
  if (vault === null) throw new GatewayError("secrets_not_configured");
  return { auth: shown, sealed: vault.seal(secret, place) };
}

/** The credential as a call needs it. Throws `internal` where it does not open here. */
export function openAuth(vault: Vault | null, { auth, sealed }: SealedAuth, place: string): PeerAuth {
  const open = (): string => {
    if (vault === null || sealed === null)
      throw new GatewayError("internal", { detail: "there is nothing to open a peer's credential with" });
    return vault.open(sealed, place);
  };
  switch (auth.type) {
    case "none":
      return { type: "none" };
    case "secret":
      return auth;
    case "bearer":
      return { type: "bearer", token: open() };
    case "did_signed":
      return { ...auth, ...(sealed === null ? {} : { token: open() }) };
    case "oauth":
      return { ...auth, clientSecret: open() };
  }
}

function parted(auth: PeerAuth): { shown: ShownPeerAuth; secret: string | null } {
  switch (auth.type) {
    case "none":
    case "secret":
      return { shown: auth, secret: null };
    case "bearer":
      return { shown: { type: "bearer" }, secret: auth.token };
    case "did_signed": {
      const { token, ...shown } = auth;
      return { shown, secret: token ?? null };
    }
    case "oauth": {
      const { clientSecret, ...shown } = auth;
      return { shown, secret: clientSecret };
    }
  }
}
