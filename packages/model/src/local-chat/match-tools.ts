import type { ToolDefinition } from "@parley/domain";
import { stemsOf } from "../words.ts";

/** Enough to know what a message is about; a pasted document is not searched to its end. */
const SEARCHED_CHARS_MAX = 16_384;
const NAME_WEIGHT = 2;

/**
 * The tools that a text speaks of. Each tool whose whole name is in the text, in the order the text names them; where
 * there is none, the one that shares most words with it (the name counts twice, the first offered wins a tie); else none.
 */
export const matchTools = (text: string, tools: ToolDefinition[]): ToolDefinition[] => {
  const spoken = stemsOf(text.slice(0, SEARCHED_CHARS_MAX));
  const said = new Set(spoken);
  const scored = tools.map((tool) => {
    const name = stemsOf(tool.name);
    const about = new Set(stemsOf(tool.description.slice(0, SEARCHED_CHARS_MAX)));
    const inName = new Set(name.filter((word) => said.has(word)));
    const shared = [...said].filter((word) => about.has(word) && !inName.has(word)).length;
    const named = name.length > 0 && name.every((word) => said.has(word));
    return { tool, named, place: Math.min(...name.map((word) => spoken.indexOf(word))), score: inName.size * NAME_WEIGHT + shared };
  });
  const named = scored.filter((entry) => entry.named).sort((a, b) => a.place - b.place);
  if (named.length > 0) return named.map((entry) => entry.tool);
  const best = scored.reduce<(typeof scored)[number] | null>((top, entry) => (entry.score > (top?.score ?? 0) ? entry : top), null);
  return best === null ? [] : [best.tool];
};
