import type { ToldPast } from "../conversation/conversation-store.ts";

/** One message of what a caller tells of an earlier conversation. */
export interface ToldMessage {
  role: "user" | "assistant";
  text: string;
}

/** What stands where an answer has no question. */
const UNKNOWN_QUESTION = "[what was asked is not shown]";

/**
 * What a caller tells, as a conversation has it: questions with their answers, oldest first, behind the summary of what was before. A long summary
 * becomes several of at most `summaryCharsMax` characters, cut between its paragraphs, so that they are joined again by the rules that all summaries are.
 */
export function toldHistory(
  history: ToldMessage[],
  { priorSummary, summaryCharsMax }: { priorSummary: string; summaryCharsMax: number },
): ToldPast {
  const turns: ToldPast["turns"] = [];
  let before: ToldMessage["role"] | null = null;
  for (const { role, text } of history) {
    const last = turns.at(-1);
    if (role === "user" && (last === undefined || before === "assistant")) turns.push({ text, result: null });
    else if (role === "user" && last !== undefined) last.text = `${last.text}\n\n${text}`;
    else if (last === undefined) turns.push({ text: UNKNOWN_QUESTION, result: text });
    else last.result = last.result === null ? text : `${last.result}\n\n${text}`;
    before = role;
  }
  return { summaries: inParts(priorSummary, summaryCharsMax), turns };
}

function inParts(text: string, charsMax: number): string[] {
  const parts: string[] = [];
  for (const paragraph of text.split(/\n{2,}/).flatMap((one) => pieces(one.trim(), charsMax))) {
    const last = parts.at(-1);
    if (last !== undefined && last.length + 2 + paragraph.length <= charsMax) parts[parts.length - 1] = `${last}\n\n${paragraph}`;
    else parts.push(paragraph);
  }
  return parts;
}

/** Of a paragraph that is too long by itself. */
function pieces(text: string, charsMax: number): string[] {
  if (text.length <= charsMax) return text === "" ? [] : [text];
  const space = text.lastIndexOf(" ", charsMax);
  const end = space > charsMax / 2 ? space : charsMax;
  return [text.slice(0, end).toWellFormed(), ...pieces(text.slice(end).trimStart(), charsMax)];
}
