import type { IncomingMessage } from "node:http";
import { SCOPES } from "@parley/contracts";
import type { Caller, KeyStore, SessionStore } from "@parley/domain";
import { type Authenticator, createAuthenticator, isSessionToken } from "@parley/identity";

export interface Authentication extends Authenticator {
  /** A credential that comes by itself with every request of a client, as no header of its own; null where there is none. */
  ambientOf(request: IncomingMessage): string | null;
  /** The stores, wired so that what is revoked here is refused here at once. */
  keys: KeyStore;
  sessions: SessionStore;
}

interface Stores {
  keys: KeyStore;
  sessions: SessionStore;
}

/** A credential's kind: the first whose form it has takes it. */
interface Kind extends Authenticator {
  isOurs(credential: string): boolean;
}

interface Others extends Pick<Authentication, "ambientOf"> {
  others: readonly Kind[];
}

/** Callers by their keys, by the sessions that were begun with one, and by what else is given. */
export function createAuthentication({ keys, sessions }: Stores, { others, ambientOf }: Others): Authentication {
  let forgetKey = (_hash: string): void => {};
  let forgetSession = (_hash: string): void => {};
  const byKey = createAuthenticator({
    findKeyByHash: (hash) => keys.findByHash(hash),
    now: Date.now,
    onRevoked: (listener) => {
      forgetKey = listener;
    },
  });
  const bySession = createAuthenticator({
    isOurs: isSessionToken,
    findKeyByHash: (hash) => sessions.findByHash(hash),
    now: Date.now,
    onRevoked: (listener) => {
      forgetSession = listener;
    },
  });
  const kinds: readonly Kind[] = [{ ...bySession, isOurs: isSessionToken }, ...others];
  const kindOf = (credential: string): Authenticator => kinds.find(({ isOurs }) => isOurs(credential)) ?? byKey;

  return {
    authenticate: (credential) => kindOf(credential).authenticate(credential),
    knows: (credential) => kindOf(credential).knows(credential),
    ambientOf,
    keys: {
      findByHash: (hash) => keys.findByHash(hash),
      create: (key) => keys.create(key),
      list: (organizationId, page) => keys.list(organizationId, page),
      find: (organizationId, keyId) => keys.find(organizationId, keyId),
      async rotate(organizationId, rotation) {
        const rotated = await keys.rotate(organizationId, rotation);
        if (rotated !== null) forgetKey(rotated.previousHash);
        return rotated;
      },
      async revoke(organizationId, keyId) {
        const hash = await keys.revoke(organizationId, keyId);
        if (hash !== null) forgetKey(hash);
        return hash;
      },
    },
    sessions: {
      findByHash: (hash) => sessions.findByHash(hash),
      create: (session, perPrincipalMax) => sessions.create(session, perPrincipalMax),
      list: (organizationId, principalId) => sessions.list(organizationId, principalId),
      async revoke(organizationId, session) {
        const hash = await sessions.revoke(organizationId, session);
        if (hash !== null) forgetSession(hash);
        return hash;
      },
    },
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i;

/**
 * Development: everyone on this machine is this organization, with every scope. A page that was loaded under another name is not on this
 * machine, wherever that name leads.
 */
export function openAuthentication({ keys, sessions }: Stores, organizationId: string): Authentication {
  const caller: Caller = { organizationId, principalId: "development", scopes: new Set(SCOPES), agentIds: null };
  return {
    ...{ keys, sessions },
    authenticate: async () => caller,
    knows: () => true,
    ambientOf: ({ headers }) => (LOOPBACK.test(headers.host ?? "") ? "development" : null),
  };
}
