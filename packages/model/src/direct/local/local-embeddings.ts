import type { DirectAnswer, DirectRequest } from "@parley/domain";
import { localEmbed } from "../../local-embed.ts";
import { refuse } from "./refuse.ts";

/** Tokens of another model's alphabet have no text here: each stands for itself. */
const textOf = (input: unknown): string => (Array.isArray(input) ? input.join(" ") : String(input));

const isTokens = (input: unknown): boolean => Array.isArray(input) && typeof input[0] === "number";

/** The first dimensions, brought back to length 1; the first axis where nothing is left in them. */
function shortened(vector: number[], dimensions: number): number[] {
  const part = vector.slice(0, dimensions);
  const length = Math.hypot(...part);
  return length === 0 ? part.map((_, index) => (index === 0 ? 1 : 0)) : part.map((value) => value / length);
}

/** The vector's 32-bit floats, little-endian, in base64. */
const base64 = (vector: number[]): string => {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
};

/** `local/embed` in the shape of OpenAI's embeddings. */
export function localEmbeddings({ body }: DirectRequest): DirectAnswer {
  if (body instanceof FormData) throw refuse("input", "A JSON body is needed.");
  const { input, dimensions } = body;
  const inputs = Array.isArray(input) && !isTokens(input) ? input : [input];
  const { vectors, usage } = localEmbed(inputs.map(textOf));
  const size = vectors[0]?.length ?? 0;
  if (typeof dimensions === "number" && dimensions > size) throw refuse("dimensions", `local/embed has ${size} dimensions.`);
  const data = vectors.map((vector, index) => {
    const embedding = typeof dimensions === "number" ? shortened(vector, dimensions) : vector;
    return { object: "embedding", index, embedding: body.encoding_format === "base64" ? base64(embedding) : embedding };
  });
  const tokens = { prompt_tokens: usage.inputTokens, total_tokens: usage.inputTokens };
  const value = { object: "list", data, model: "local/embed", usage: tokens };
  return { kind: "json", text: JSON.stringify(value), value, usage: () => usage };
}
