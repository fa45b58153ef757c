import type { SearchWord } from "./memory-store.ts";

const WORDS_MAX = 32;
const WORD_CHARS_MAX = 64;
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/**
 * The words of a question, each once, in lower case. Where no spaces stand between words, how a text is cut depends on what surrounds it:
 * there each Han character is looked for, too.
 */
export function searchWords(text: string): SearchWord[] {
  const words = new Set<string>();
  for (const { segment, isWordLike } of segmenter.segment(text)) {
    if (isWordLike !== true) continue;
    for (const word of segment.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? []) {
      words.add(word.slice(0, WORD_CHARS_MAX));
      for (const character of word.match(/\p{Script=Han}/gu) ?? []) words.add(character);
    }
    if (words.size >= WORDS_MAX) break;
  }
  return [...words].slice(0, WORDS_MAX).map((word) => ({ word, within: UNSPACED.test(word) }));
}
