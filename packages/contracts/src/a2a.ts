import { z } from "zod";
import type { RefusedBy } from "./budget.ts";
import type { Card } from "./card.ts";
import type { Cursor } from "./cursor.ts";

/** Versions of A2A that the gateway's agents speak. */
export const A2A_VERSIONS = ["1.0", "0.3"] as const;
export type A2aVersion = (typeof A2A_VERSIONS)[number];

/** What a task of ours may be. `input_required` waits for a person, the last three are final. */
export const A2A_STATES = ["submitted", "working", "input_required", "completed", "failed", "canceled"] as const;
export type A2aState = (typeof A2A_STATES)[number];

const ENDED: ReadonlySet<A2aState> = new Set<A2aState>(["completed", "failed", "canceled"]);
export const hasTaskEnded = (state: A2aState): boolean => ENDED.has(state);

/** How a client calls its messages, conversations and configurations: as it likes. */
export const a2aName = z.string().min(1).max(255);

/** One part of a message, in the shape of version 1.0: exactly one of the first four. */
export interface A2aPart {
  text?: string;
  /** Base64. */
  raw?: string;
  url?: string;
  data?: unknown;
  mediaType?: string;
  filename?: string;
  metadata?: Record<string, unknown>;
}

/** A client's message as it is kept: with the addresses of its files instead of their bytes. */
export interface A2aMessage {
  messageId: string;
  parts: A2aPart[];
  referenceTaskIds?: string[];
  extensions?: string[];
  metadata?: Record<string, unknown>;
}

/** A turn as its A2A client knows it. */
export interface A2aTask {
  /** The turn's. */
  id: string;
  organizationId: string;
  principalId: string;
  agentId: string;
  conversationId: string;
  /** Of the message in the queue. */
  messageId: string;
  /** As the client calls the conversation. */
  contextId: string;
  state: A2aState;
  /** Since when, ISO 8601. */
  stateAt: string;
  /** Why it ended other than by an answer: a code of `TurnEndReason`. */
  reason: string | null;
  /** Of the reason `budget`: which balance or budget, without its figures. */
  refusedBy: RefusedBy | null;
  /** What a turn that has ended has said. */
  result: string | null;
  /** All that it has asked, oldest first. */
  cards: Card[];
  /** What the client has said to it, oldest first. */
  said: { at: string; message: A2aMessage }[];
  /** Where the log stood before it, and where it stands now. */
  start: Cursor;
  head: Cursor;
  createdAt: string;
}

/** Who is told of a task. What proves it to the receiver is never shown again. */
export interface A2aPush {
  taskId: string;
  id: string;
  url: string;
  /** Of the `Authorization` header that it is sent with, without the credentials. */
  scheme: string | null;
  version: A2aVersion;
}

/** The same as a client asks for it. */
export interface A2aPushInput {
  /** Null: called as its task. */
  id: string | null;
  url: string;
  token: string | null;
  scheme: string | null;
  credentials: string | null;
  version: A2aVersion;
}

/** What changed, as those are told who asked to be: as it was then. `artifact`: the answer alone, before the task's end. */
export interface A2aFact {
  kind: "task" | "artifact" | "status";
  state: A2aState;
  at: string;
  reason?: string | null;
  result?: string | null;
  cardIds?: string[] | null;
}

/** What anybody may know of an agent. */
export interface A2aCardFacts {
  organizationId: string;
  id: string;
  version: number;
  name: string;
  description: string;
}
