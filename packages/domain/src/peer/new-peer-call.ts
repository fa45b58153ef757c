import type { PeerProtocol, PeerTrust, ShownPeerAuth } from "@parley/contracts";

/** A peer as a call of the ledger names it: all that the call needs, also when the peer was changed or deleted since. */
export interface CalledPeer {
  /** Null: the caller has brought it along. */
  peerId: string | null;
  name: string;
  /** Absent: A2A. */
  protocol?: PeerProtocol | undefined;
  endpoint: string;
  auth: ShownPeerAuth;
  /** When its entry of the registry was changed last; null: it has none. */
  changedAt: string | null;
  /** Where what is sealed opens. */
  place: string;
  trust: PeerTrust;
  timeoutMs: number | null;
  deduplicates: boolean;
}

/** A call before it is made: its row of the ledger. */
export interface NewPeerCall {
  /** The same for all calls of one peer. */
  peerRef: string;
  target: CalledPeer;
  sealed: string | null;
  skill: string | null;
  input: Record<string, unknown>;
  priceMicros: number | null;
  contextId: string;
  /** Tasks of calls elsewhere that it is about. */
  priorTaskIds: string[];
}
