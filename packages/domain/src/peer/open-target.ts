import type { CalledPeer } from "./new-peer-call.ts";
import type { PeerTarget } from "./peer-client.ts";
import type { PeerPorts } from "./peer-ports.ts";
import { openAuth } from "./seal-auth.ts";

interface Called {
  organizationId: string;
  peerRef: string;
  target: CalledPeer;
  sealed: string | null;
}

/** A peer with its credentials opened. Throws `internal` where they do not open here. */
export function openTarget({ vault }: Pick<PeerPorts, "vault">, { organizationId, peerRef, target, sealed }: Called): PeerTarget {
  const { name, protocol, endpoint, changedAt, auth, place, trust, deduplicates } = target;
  const facts = { organizationId, id: peerRef, name, protocol, endpoint, changedAt, trust, deduplicates };
  return { ...facts, auth: openAuth(vault, { auth, sealed }, place) };
}
