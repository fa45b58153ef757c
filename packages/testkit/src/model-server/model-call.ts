import type { IncomingHttpHeaders } from "node:http";
import type { ModelServerRequest, Reply } from "./reply.ts";

/** One request as the upstream saw it. Times are ms since 1970. */
export interface ModelCall {
  /** Counts from 1. */
  id: number;
  path: string;
  atMs: number;
  /** Credentials are replaced by `[hidden]`. */
  headers: IncomingHttpHeaders;
  body: ModelServerRequest["body"];
  reply: Reply;
  /** Chunks of content that went onto the wire. */
  tokensSent: number;
  lastTokenAtMs: number | null;
  /** `finished`: to the end; `broken`: as scripted; `aborted`: the client went away. */
  outcome: "open" | "finished" | "broken" | "aborted";
  endedAtMs: number | null;
  /** When the socket it came on was closed. */
  socketClosedAtMs: number | null;
}

const CREDENTIALS = ["authorization", "cookie", "x-api-key"];

export const withoutCredentials = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, CREDENTIALS.includes(name) ? "[hidden]" : value]));
