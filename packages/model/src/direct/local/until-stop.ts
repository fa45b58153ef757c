import type { ModelChunk } from "@parley/domain";

/**
 * The text before the first of the words at which it is to end. What may be the beginning of such a word is held back until it is known.
 */
export async function* untilStop(chunks: AsyncIterable<ModelChunk>, stops: string[]): AsyncGenerator<ModelChunk, void> {
  if (stops.length === 0) return yield* chunks;
  const heldMax = Math.max(...stops.map((stop) => stop.length)) - 1;
  let held = "";
  for await (const chunk of chunks) {
    if (chunk.type === "finish") {
      if (held !== "") yield { type: "text", text: held };
      yield chunk;
      return;
    }
    if (chunk.type === "reasoning") {
      yield chunk;
      continue;
    }
    held += chunk.text;
    const places = stops.map((stop) => held.indexOf(stop)).filter((place) => place !== -1);
    if (places.length > 0) {
      const text = held.slice(0, Math.min(...places));
      if (text !== "") yield { type: "text", text };
      yield { type: "finish", reason: "stop", toolCalls: [], usage: null };
      return;
    }
    const safe = held.slice(0, Math.max(0, held.length - heldMax));
    held = held.slice(safe.length);
    if (safe !== "") yield { type: "text", text: safe };
  }
}
