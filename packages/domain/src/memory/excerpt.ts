import type { SearchWord } from "./memory-store.ts";

const MARGIN = 80;

/** The piece of a text that holds most of the words, at most so many characters, with dots where something is left out. */
export function excerpt(text: string, words: SearchWord[], charsMax: number): string {
  if (text.length <= charsMax) return text;
  const lower = text.toLowerCase();
  const places = words.map(({ word }) => lower.indexOf(word)).filter((place) => place !== -1);
  const best = places.reduce(
    (top, place) => {
      const held = places.filter((other) => other >= place && other < place + charsMax - MARGIN).length;
      return held > top.held ? { place, held } : top;
    },
    { place: 0, held: 0 },
  );
  const start = Math.max(0, Math.min(best.place - MARGIN, text.length - charsMax));
  const end = start + charsMax;
  return `${start > 0 ? "…" : ""}${text.slice(start, end).toWellFormed()}${end < text.length ? "…" : ""}`;
}
