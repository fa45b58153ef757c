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
  const { auth, place, peerId: _, timeoutMs: __, ...known } = target;
  return { ...known, organizationId, id: peerRef, auth: openAuth(vault, { auth, sealed }, place) };
}
