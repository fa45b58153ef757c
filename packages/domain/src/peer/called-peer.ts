import type { CalledPeer } from "./new-peer-call.ts";
import type { StoredPeer } from "./peer-store.ts";
import { peerPlace } from "./seal-auth.ts";

/** A peer of the registry, as a call of it names it. */
export const calledPeer = ({ id, organizationId, ...peer }: StoredPeer): CalledPeer => ({
  ...{ peerId: id, name: peer.name, protocol: peer.protocol, endpoint: peer.endpoint, changedAt: peer.updatedAt, auth: peer.auth },
  ...{ place: peerPlace(organizationId, id), trust: peer.trust, timeoutMs: peer.timeoutMs, deduplicates: peer.deduplicates },
});
