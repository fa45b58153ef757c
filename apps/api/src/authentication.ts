import { SCOPES } from "@parley/contracts";
import type { Caller, KeyStore } from "@parley/domain";
import { createAuthenticator, credentialFrom } from "@parley/identity";
import type { Request } from "express";

interface Authentication {
  authenticate(credential: string): Promise<Caller>;
  knows(credential: string): boolean;
  credentialOf(headers: Request["headers"]): string | null;
  /** The keys, wired so that one revoked here is refused here at once. */
  keys: KeyStore;
}

/** Callers by their keys. */
export function keyAuthentication(keys: KeyStore): Authentication {
  let forget = (_hash: string): void => {};
  const { authenticate, knows } = createAuthenticator({
    findKeyByHash: (hash) => keys.findByHash(hash),
    now: Date.now,
    onRevoked: (listener) => {
      forget = listener;
    },
  });
  return {
    authenticate,
    knows,
    credentialOf: credentialFrom,
    keys: {
      findByHash: (hash) => keys.findByHash(hash),
      create: (key) => keys.create(key),
      list: (organizationId, page) => keys.list(organizationId, page),
      find: (organizationId, keyId) => keys.find(organizationId, keyId),
      async rotate(organizationId, rotation) {
        const rotated = await keys.rotate(organizationId, rotation);
        if (rotated !== null) forget(rotated.previousHash);
        return rotated;
      },
      async revoke(organizationId, keyId) {
        const hash = await keys.revoke(organizationId, keyId);
        if (hash !== null) forget(hash);
        return hash;
      },
    },
  };
}

/** Development: everyone is this organization, with every scope, whatever they send. */
export function openAuthentication(keys: KeyStore, organizationId: string): Authentication {
  const caller: Caller = { organizationId, principalId: "development", scopes: new Set(SCOPES), agentIds: null };
  return { authenticate: async () => caller, knows: () => true, credentialOf: () => "development", keys };
}
