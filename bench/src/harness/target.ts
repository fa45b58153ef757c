import type { RunningProcess } from "../services/start-process.ts";
import type { Script } from "../upstream/script.ts";
import type { StreamRequest } from "./open-stream.ts";

/** What one frame of a stream says to the one who measures. */
export type Frame = { kind: "text"; text: string } | { kind: "end" } | { kind: "other" };

/** A way to the scripted model, with what the harness must know to measure it. */
export interface Target {
  name: string;
  origin: string;
  /** A new turn whose answer is streamed. */
  streamed(script: Script): StreamRequest;
  /** A new turn whose answer comes whole; null where there is no such route. */
  plain: ((script: Script) => StreamRequest) | null;
  readFrame(data: string): Frame;
  /** The answer's text in a whole answer's body. */
  readPlain(body: string): string;
  /** Whether it works on hundreds of turns at once. */
  takesCrowds: boolean;
  /** The process that clients are connected to; null for the direct call. */
  front: RunningProcess | null;
  /** Every process of its own, the front one among them; databases are not counted. */
  processes: readonly RunningProcess[];
}

export const QUESTION = "Count for me, please.";

export const chatBody = (model: string, stream: boolean): string =>
  JSON.stringify({ model, stream, messages: [{ role: "user", content: QUESTION }] });

/** Reads the frames of an OpenAI-compatible stream. */
export function readOpenAiFrame(data: string): Frame {
  if (data === "[DONE]") return { kind: "end" };
  const chunk = JSON.parse(data) as { choices: { delta: { content?: string | null } }[] };
  const text = chunk.choices[0]?.delta.content;
  return typeof text === "string" && text !== "" ? { kind: "text", text } : { kind: "other" };
}

export const readOpenAiPlain = (body: string): string =>
  (JSON.parse(body) as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? "";
