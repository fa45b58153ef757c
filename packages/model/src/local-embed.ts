import type { Usage } from "@parley/contracts";
import { hashText } from "./hash-text.ts";
import { localUsage } from "./local-usage.ts";
import { stemsOf } from "./words.ts";

const DIMENSIONS = 256;
const TRIGRAM_WEIGHT = 0.25;

const trigrams = (word: string): string[] => {
  const padded = `<${word}>`;
  return Array.from({ length: padded.length - 2 }, (_, start) => padded.slice(start, start + 3));
};

/** Adds a feature to the place its hash names, with the sign its hash names, so that collisions cancel on average. */
const add = (vector: Float64Array, feature: string, weight: number): void => {
  const hash = hashText(feature);
  const place = hash % DIMENSIONS;
  vector[place] = (vector[place] ?? 0) + (hash & 0x8000_0000 ? -weight : weight);
};

/** A unit vector; a text without telling words gets the first axis. */
const embedText = (text: string): number[] => {
  const vector = new Float64Array(DIMENSIONS);
  for (const stem of stemsOf(text)) {
    add(vector, `word ${stem}`, 1);
    for (const trigram of trigrams(stem)) add(vector, `part ${trigram}`, TRIGRAM_WEIGHT);
  }
  const length = Math.hypot(...vector);
  if (length === 0) vector[0] = 1;
  return Array.from(vector, (value) => value / (length || 1));
};

/** `local/embed`: hashed word features. Texts with the same words are near each other; meaning beyond words it knows none. */
export const localEmbed = (texts: string[]): { vectors: number[][]; usage: Usage } => ({
  vectors: texts.map(embedText),
  usage: localUsage(
    texts.reduce((chars, text) => chars + text.length, 0),
    0,
  ),
});
