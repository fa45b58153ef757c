import type { InlinePeer, Page, PageQuery, Peer, PeerState, PeerTokens, ShownPeerAuth } from "@parley/contracts";
import type { ConversationKey } from "../turn/turn-store.ts";
import type { NewPeerCall } from "./new-peer-call.ts";

/** What of a credential must not be seen; sealed, it opens in one place. */
export interface SealedAuth {
  auth: ShownPeerAuth;
  sealed: string | null;
}

type PeerFacts = Pick<Peer, "name" | "endpoint" | "trust" | "skills" | "priceMicros" | "timeoutMs" | "deduplicates">;

export interface NewPeer extends PeerFacts, Pick<Peer, "protocol">, SealedAuth {
  organizationId: string;
  id: string;
  max: number;
}

export type PeerChange = { organizationId: string; id: string } & {
  [Member in keyof PeerFacts]?: PeerFacts[Member] | undefined;
} & Partial<SealedAuth>;

export type StoredPeer = Peer & { sealed: string | null };

/** The registry of an organization. */
export interface PeerStore {
  /** Throws `limit_reached`. */
  create(peer: NewPeer): Promise<Peer>;
  /** Null where there is none. */
  change(change: PeerChange): Promise<Peer | null>;
  delete(organizationId: string, id: string): Promise<boolean>;
  /** Oldest first. */
  list(organizationId: string, page: PageQuery): Promise<Page<Peer>>;
  /** Those that are there. */
  find(organizationId: string, ids: string[]): Promise<StoredPeer[]>;
}

/** A peer that a message has brought along, as it is kept until its turn ends. */
export interface BroughtPeer {
  peer: Omit<InlinePeer, "auth"> & { auth: ShownPeerAuth };
  sealed: string | null;
}

export interface PeerCallRow extends ConversationKey, Omit<NewPeerCall, "priceMicros"> {
  id: string;
  turnId: string;
  state: "planned" | "sending" | "open" | "waiting" | "canceling" | "ended";
  /** Messages that were begun to be sent. */
  round: number;
  taskId: string | null;
  peerState: PeerState | null;
  prompt: string | null;
  /** What a person is asked for it. */
  cardId: string | null;
  cancelTries: number;
}

export type BegunPeerCall =
  /** `fresh`: nothing was sent in this round before. */
  | { outcome: "ok"; fresh: boolean; call: PeerCallRow; earlierTasks: string[] }
  /** The conversation has passed on; was stopped; the call has ended. */
  | { outcome: "stale" | "stopped" | "gone" };

/** What came of telling a peer that nobody wants its task. */
export interface TriedCancel {
  organizationId: string;
  id: string;
  /** `not_found`: it knows of no task of this message. `untold`: it could not be asked or told. */
  outcome: "told" | "not_found" | "untold";
  /** As the peer calls it, where that is known. */
  taskId: string | null;
}

/** The ledger of calls. What is written with the running turn goes by its commits. */
export interface PeerCallStore {
  /** What the message of this turn has brought along. */
  brought(organizationId: string, turnId: string): Promise<BroughtPeer[]>;
  find(organizationId: string, id: string): Promise<PeerCallRow | null>;
  /** What it costs; `assumed`: only the fallback says so, or nobody. */
  price(organizationId: string, id: string): Promise<{ micros: number; assumed: boolean }>;
  /** Before a message goes out; `round` counts them from 1. */
  begin(key: ConversationKey & { epoch: number; id: string; round: number; pushToken: string }): Promise<BegunPeerCall>;
  /**
   * The peer has taken it up. False where nobody wants it any more: the peer is then told, also where the call has ended without a task; `sealed` is
   * what it was called with.
   */
  recordTask(task: {
    organizationId: string;
    id: string;
    taskId: string;
    contextId: string | null;
    sealed: string | null;
  }): Promise<boolean>;
  /** The peer has surely not taken it up. Where nobody wants it any more it has ended with that. */
  recordRefused(organizationId: string, id: string): Promise<void>;
  /** What a call has used, once. */
  recordTokens(call: { organizationId: string; id: string } & PeerTokens): Promise<void>;
  /** The call that this was given for, while it is under way, and the worker that runs it now. */
  pushed(id: string, tokenHash: string): Promise<{ organizationId: string; conversationId: string; owner: string | null } | null>;
  /** The peer knows that nobody wants it, or is given up. */
  endCancel(tried: TriedCancel): Promise<void>;
  /** The peer is told later: sooner where it only knows of no task yet. */
  deferCancel(tried: TriedCancel): Promise<void>;
}

/** What the workers take of it, across organizations. */
export interface PeerOutbox {
  take(rowsMax: number): Promise<PeerCallRow[]>;
}
