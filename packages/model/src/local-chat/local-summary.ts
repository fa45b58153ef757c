import type { ModelMessage } from "@parley/domain";
import { cutText } from "./cut-text.ts";

const ORDER = /^\s*(?:please )?summari[sz]e\b/i;
const WORDS_MAX = /\bat most (\d+) words\b/i;
const CHARS_PER_WORD = 6;
const WORDS_STANDARD = 300;
const LINE_CHARS_MAX = 240;
/** A line of its own, so that the label before it takes no line along when summaries are summarised. */
const TITLE = "Excerpts:";
const LABEL_CHARS = 16;
/** What the built-in model itself has said repeats the user's words and adds nothing. */
const OWN_WORDS = /^(?:assistant:\s*)?\[local\/chat\]/i;
/** Somebody states something: worth more than a question or a greeting. */
const STATEMENT = /\d|\b(?:am|are|called|fact|favou?rite|has|have|is|likes?|lives?|my|name|never|prefers?|promised?|remember|was|will)\b/i;

/** How many characters a summary may have, where the instructions begin by asking for one; else null. */
export function summaryCharsMax(messages: ModelMessage[]): number | null {
  const order = messages.find((message) => message.role === "system")?.content ?? "";
  if (!ORDER.test(order)) return null;
  return Number(WORDS_MAX.exec(order)?.[1] ?? WORDS_STANDARD) * CHARS_PER_WORD;
}

/**
 * The lines that state something, then the others, as far as they fit, in their own order and each once; lines below a heading like `Turn 3`
 * name it. No understanding, but what was stated is still there, also in a summary of summaries.
 */
export function localSummary(text: string, charsMax: number): string {
  const lines = [...new Set(tellingLines(text))].map((line) => (line.length > LINE_CHARS_MAX ? `${cutText(line, LINE_CHARS_MAX)}…` : line));
  const ranked = lines.map((line, place) => ({ place, rank: STATEMENT.test(withoutHeading(line)) && !line.endsWith("?") ? 0 : 1 }));
  const chosen = new Set<number>();
  let chars = TITLE.length + LABEL_CHARS;
  for (const { place } of ranked.sort((a, b) => a.rank - b.rank || a.place - b.place)) {
    const size = (lines[place]?.length ?? 0) + 1;
    if (chars + size > charsMax) continue;
    chars += size;
    chosen.add(place);
  }
  return [TITLE, ...lines.filter((_, place) => chosen.has(place))].join("\n");
}

const HEADING = /^Turns? [\d to]+:?$/;
const TOLD = /^\[turn (\d+)\] /;

const withoutHeading = (line: string): string => line.replace(TOLD, "").replace(/^(?:User|Assistant): /, "");

function tellingLines(text: string): string[] {
  let heading = "";
  return text.split("\n").flatMap((raw) => {
    const line = raw.trim();
    if (HEADING.test(line)) {
      heading = /^Turn (\d+)$/.exec(line)?.[1] ?? "";
      return [];
    }
    if (line === "" || /^<\/?\w+>$/.test(line) || OWN_WORDS.test(line)) return [];
    return heading === "" || TOLD.test(line) ? [line] : [`[turn ${heading}] ${line}`];
  });
}
