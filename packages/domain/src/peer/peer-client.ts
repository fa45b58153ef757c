import type { PeerAuth, PeerProtocol, PeerSignatures, PeerSkill, PeerState, PeerTokens, PeerTrust, TurnEndReason } from "@parley/contracts";

/** A peer as it is called: its credentials opened, for as long as the call lasts. */
export interface PeerTarget {
  organizationId: string;
  /** Under which what is learned of it is kept apart from other peers: its id, or the turn and name of one that a caller has brought. */
  id: string;
  name: string;
  /** Absent: A2A. */
  protocol?: PeerProtocol | undefined;
  endpoint: string;
  /** With each change of its entry in the registry what is kept of its card is void; null: it has none. */
  changedAt: string | null;
  auth: PeerAuth;
  trust: PeerTrust;
  /** A message that it is sent twice under one id is one task. */
  deduplicates: boolean;
}

export type PeerPart =
  | { kind: "text"; text: string }
  | { kind: "data"; data: unknown }
  /** One of `bytes` (base64) and `url`. */
  | { kind: "file"; name: string | null; mediaType: string | null; bytes: string | null; url: string | null };

export interface PeerArtifact {
  id: string;
  name: string | null;
  parts: PeerPart[];
}

/** One message to a peer. The ids are the same however often the call is made. */
export interface PeerCall {
  target: PeerTarget;
  messageId: string;
  contextId: string;
  /** The task that the message goes on with; null where it begins one. */
  taskId: string | null;
  /** Earlier tasks that it is about. */
  referenceTaskIds: string[];
  skill: string | null;
  /** Exactly `{input}` with a text goes as text, anything else as data. */
  input: Record<string, unknown>;
  /** How many agents behind the peer may still work for it. */
  hopsMax: number;
  /** Where the peer may call when the task has moved, and the token that it then shows; null: it is asked. */
  push: { url: string; token: string } | null;
  /** Aborted when the call's time is over or its turn must end. What has become of the task is not known then. */
  signal: AbortSignal;
}

/** What is heard of a call before it ends. */
export interface PeerHearing {
  /** The peer has taken it up as this task. Nothing more is done before this resolves. */
  onTask(task: { taskId: string; contextId: string }): Promise<void>;
  /** The message has surely not been taken up, which is told here where nobody waits for the answer any more. */
  onRefused(): Promise<void>;
  /** A new state, or what the peer says about its work. */
  onProgress(progress: { state: PeerState; text: string }): void;
  /** A piece of the answer's text. */
  onText(text: string): void;
  /** Resolves when the peer has called back, or when `signal` aborts: time to look again. */
  nudged(signal: AbortSignal): Promise<void>;
}

/** Where a call stands when nothing more happens by itself. */
export interface PeerOutcome {
  state: PeerState;
  taskId: string | null;
  contextId: string | null;
  /** What the peer says about its state: why it failed, or what it needs. */
  prompt: string;
  /**
   * Why there is no task to speak of, in our own words: the peer could not be reached or refused the message (`failed`), or it was lost on the way
   * and may have been taken up (`unknown`).
   */
  error: string | null;
  /** Every text of the artifacts and of a direct answer, one after the other. */
  text: string;
  artifacts: PeerArtifact[];
  /** Null: nothing was checked. */
  signatures: PeerSignatures | null;
  did: string | null;
  didSource: "pinned" | "observed" | null;
  /** Something was left out, as it was beyond the bounds. */
  cut: boolean;
  /** What it says it has used, or an estimate; absent where nobody knows. */
  tokens?: PeerTokens | undefined;
  /** Where `error` is one that callers are told by another name. */
  failure?: PeerFailure;
}

/** Why a call of a peer has failed, other than that it has. */
export type PeerFailure = Extract<TurnEndReason, "peer_token_missing">;

export interface PeerCard {
  name: string;
  description: string;
  skills: PeerSkill[];
  did: string | null;
  streaming: boolean;
}

/** Other agents, over their own protocol. What goes wrong there is an outcome; `send` and `reconcile` throw once aborted the signal's reason, and nothing else. */
export interface PeerClient {
  /** Sends a message, once, and waits until its task has ended or needs something. */
  send(call: PeerCall, hearing: PeerHearing): Promise<PeerOutcome>;
  /**
   * Goes on with a call that was sent before, without sending it again: by its task, or by its message where the peer can be asked for it. `null`: the
   * peer knows nothing of it, or cannot be asked.
   */
  reconcile(call: PeerCall & { sentTaskId: string | null }, hearing: PeerHearing): Promise<PeerOutcome | null>;
  /** The task that the peer has made of a message that was perhaps sent; null where it knows of none. Throws where that is not known, or it cannot be asked. */
  find(message: Pick<PeerCall, "target" | "messageId" | "contextId" | "signal">): Promise<string | null>;
  /** Tells the peer that the task is not wanted any more. Resolves where it has ended, by this or before. Throws where that is not known. */
  cancel(task: { target: PeerTarget; taskId: string; contextId: string; signal: AbortSignal }): Promise<void>;
  /** Its agent card; null where there is none to be had. Kept for a while, also that there was none. */
  card(target: Pick<PeerTarget, "id" | "endpoint" | "changedAt">): Promise<PeerCard | null>;
}
