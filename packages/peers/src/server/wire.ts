import type { A2aPart } from "@parley/contracts";

/** Objects as version 1.0 has them on the wire. Version 0.3 is made of them, see `legacy.ts` and `legacy-rest.ts`. */

export type WireState = `TASK_STATE_${"SUBMITTED" | "WORKING" | "INPUT_REQUIRED" | "COMPLETED" | "FAILED" | "CANCELED"}`;

export interface WireMessage {
  messageId: string;
  role: "ROLE_USER" | "ROLE_AGENT";
  parts: A2aPart[];
  contextId?: string;
  taskId?: string;
  referenceTaskIds?: string[];
  extensions?: string[];
  metadata?: Record<string, unknown>;
}

export interface WireStatus {
  state: WireState;
  message?: WireMessage;
  timestamp: string;
}

export interface WireArtifact {
  artifactId: string;
  name: string;
  parts: A2aPart[];
}

export interface WireTask {
  id: string;
  contextId: string;
  status: WireStatus;
  artifacts?: WireArtifact[];
  history?: WireMessage[];
}

export interface WireStatusUpdate {
  taskId: string;
  contextId: string;
  status: WireStatus;
}

export interface WireArtifactUpdate {
  taskId: string;
  contextId: string;
  artifact: WireArtifact;
  append: boolean;
  lastChunk: boolean;
}

/** What a stream says, one at a time. */
export type WireEvent = { task: WireTask } | { statusUpdate: WireStatusUpdate } | { artifactUpdate: WireArtifactUpdate };

export interface WirePush {
  taskId: string;
  id: string;
  url: string;
  authentication?: { scheme: string };
}
