import type { Dispatcher } from "undici";
import { type Script, wholeText } from "../upstream/script.ts";
import { openStream } from "./open-stream.ts";
import type { Target } from "./target.ts";

export interface TurnTimes {
  /** Ms from the request to the first frame of any kind. */
  firstFrameMs: number;
  firstTextMs: number;
  totalMs: number;
}

/** Streams one turn and checks every token of it. Rejects when the text is not the script's, whole and in order. */
export async function streamTurn(pool: Dispatcher, target: Target, script: Script): Promise<TurnTimes> {
  const startedAt = performance.now();
  let firstFrameMs = Number.NaN;
  let firstTextMs = Number.NaN;
  let text = "";
  let complete = false;
  const { ended } = openStream(pool, target.streamed(script), (data) => {
    if (Number.isNaN(firstFrameMs)) firstFrameMs = performance.now() - startedAt;
    const frame = target.readFrame(data);
    if (frame.kind === "end") complete = true;
    if (frame.kind !== "text") return;
    if (text === "") firstTextMs = performance.now() - startedAt;
    text += frame.text;
  });
  await ended;
  const totalMs = performance.now() - startedAt;
  if (!complete) throw new Error(`${target.name} ended a stream without saying so.`);
  if (text !== wholeText(script.tokens))
    throw new Error(`${target.name} did not deliver every token: ${JSON.stringify(text.slice(0, 200))}`);
  return { firstFrameMs, firstTextMs, totalMs };
}
