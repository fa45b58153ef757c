import type { CreatePeer, Page, PageQuery, Peer, UpdatePeer } from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";

/** The peers of the caller's organization. Credentials are written and never read; a key for some agents only sees peers and changes none. */
export interface PeerUseCases {
  /** Throws `limit_reached`, `secrets_not_configured`. */
  createPeer(caller: Caller, input: CreatePeer, once?: Once): Promise<Peer>;
  getPeer(caller: Caller, peerId: string): Promise<Peer>;
  /** Oldest first. */
  listPeers(caller: Caller, page: PageQuery): Promise<Page<Peer>>;
  /** What is left out stays. Throws `invalid_input` where credentials would be sent to another endpoint than the one that they were given for. */
  updatePeer(caller: Caller, input: UpdatePeer, once?: Once): Promise<Peer>;
  /** Agents that name it go on without it; calls under way end as they would. */
  deletePeer(caller: Caller, peerId: string, once?: Once): Promise<void>;
  /** A peer calls back about a call, with the token that it was given for it. Throws `unauthenticated`. */
  notePeerPush(push: { callId: string; token: string }): Promise<void>;
}
