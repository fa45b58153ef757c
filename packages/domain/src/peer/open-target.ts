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
  const { name, endpoint, changedAt, auth, place, trust, deduplicates } = target;
  return { organizationId, id: peerRef, name, endpoint, changedAt, auth: openAuth(vault, { auth, sealed }, place), trust, deduplicates };
}
