import type { CallRecord, Question, Usage } from "@parley/contracts";
import type { PeerFailure } from "../peer/peer-client.ts";

/** A message that was handed to a running turn. */
export interface SteerRecord {
  messageId: string;
  text: string;
  files: string[];
}

/** The model's whole response of one step. */
export interface ResponseRecord {
  text: string;
  calls: CallRecord[];
  model: string;
  finishReason: string;
  usage: Usage;
}

/** What a call is about to do, written before it is done. With an `approvalId` only after that card is approved. */
export type IntentRecord =
  | {
      act: "dispatch";
      callId: string;
      childId: string;
      agentId: string;
      agentVersion: number;
      mode: "sync" | "async";
      query: string;
      approvalId?: string;
      tainted?: true;
    }
  | { act: "tool"; callId: string; tool: string; arguments: Record<string, unknown>; approvalId?: string; tainted?: true }
  | {
      act: "peer";
      callId: string;
      childId: string;
      peerRef: string;
      skill: string | null;
      arguments: Record<string, unknown>;
      mode: "sync" | "async";
      approvalId?: string;
      tainted?: true;
    }
  | { act: "ask"; callId: string; cardId: string; questions: Question[] }
  /** A call that cannot be done: its arguments are malformed, or a bound is reached. */
  | { act: "refuse"; callId: string; text: string };

export interface ResultRecord {
  text: string;
  isError: boolean;
  /** Whether it was done cannot be said. */
  unknown?: true;
  /** Whose words it has. Absent: somebody else's, as they came. `own`: the gateway's or the user's. `enclosed`: somebody else's, within marks that say so. */
  words?: "own" | "enclosed";
  /** Why a peer has not done it, where that is more than that it has not. */
  reason?: PeerFailure;
}

export type JournalLine = { executionId: string; step: number; callIndex: number } & (
  | { kind: "response"; payload: ResponseRecord }
  | { kind: "intent"; payload: IntentRecord }
  /** An approved call is being made: from here on it may have been. */
  | { kind: "started"; payload: null }
  | { kind: "result"; payload: ResultRecord }
  | { kind: "steer"; payload: SteerRecord }
);
