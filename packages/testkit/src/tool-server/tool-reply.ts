import type { IncomingHttpHeaders } from "node:http";

/** What the scripted tools do with one call. */
export interface ToolReply {
  /** Default 200. */
  status?: number;
  /** Text as it is, anything else as JSON. Default `done`. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Before it acts. */
  delayMs?: number;
  /** Between acting and answering. */
  answerDelayMs?: number;
  /**
   * How it goes wrong: `hang` goes silent, `cut` destroys the socket; before or after it has acted, or, `midway`, with half of the
   * body sent.
   */
  breaks?: { how: "hang" | "cut"; when: "before" | "after" | "midway" };
}

export interface ToolRequest {
  path: string;
  /** The Idempotency-Key. */
  key: string | null;
  /** The posted JSON; the text itself where it is none. */
  arguments: unknown;
}

export type ToolReplyScript = ToolReply | ((request: ToolRequest) => ToolReply);

/** One call as the tool saw it. Times are ms since 1970. */
export interface ToolServerCall extends ToolRequest {
  /** Counts from 1. */
  id: number;
  method: string;
  contentType: string | null;
  headers: IncomingHttpHeaders;
  reply: ToolReply;
  atMs: number;
  /** When it did what it is there for; null where it did not get so far. */
  actedAtMs: number | null;
  /** `answered`: the whole answer was sent; `broken`: as scripted; `aborted`: the caller went away. */
  outcome: "open" | "answered" | "broken" | "aborted";
  endedAtMs: number | null;
  /** When the socket it came on was closed. */
  socketClosedAtMs: number | null;
}
