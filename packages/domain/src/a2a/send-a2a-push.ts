import type { A2aFact, A2aTask, A2aVersion } from "@parley/contracts";
import type { WebhookOutcome } from "../webhook/send-webhook.ts";

/** One try: what is told of a task, and what proves it to its receiver. */
export interface OutgoingA2aPush {
  url: string;
  version: A2aVersion;
  task: A2aTask;
  fact: A2aFact;
  /** The whole `Authorization` header; null: none. */
  authorization: string | null;
  token: string | null;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Posts it. Follows no redirect. Rejects with the signal's reason once that is aborted, and for nothing else. */
export type SendA2aPush = (push: OutgoingA2aPush) => Promise<WebhookOutcome>;
