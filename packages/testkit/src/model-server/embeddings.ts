import { createHash } from "node:crypto";
import type { ModelServerRequest, Reply } from "./reply.ts";

const DIMENSIONS = 8;

/** The vector that the scripted model gives for a text. */
export const scriptedVector = (text: string): number[] =>
  Array.from(createHash("sha256").update(text).digest().subarray(0, DIMENSIONS), (byte) => byte / 255);

/** Answers in reversed order, as the `index` and not the place in the list counts. */
export const wholeEmbeddings = (request: ModelServerRequest, reply: Reply) => {
  const texts = [request.body.input ?? []].flat();
  const data = texts.map((text, index) => ({ object: "embedding", index, embedding: scriptedVector(text) })).reverse();
  const tokens = Math.ceil(texts.join("").length / 4);
  const usage = reply.usage === null ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens, ...reply.embeddingUsage } };
  return { object: "list", model: request.body.model, data, ...usage };
};
