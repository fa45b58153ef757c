import type { ModelMessage } from "@parley/domain";
import { hashText } from "../hash-text.ts";
import { cutText } from "./cut-text.ts";

/** Every text of the built-in model starts with it, so that nobody takes it for a real model's. */
const LABEL = "[local/chat]";
const ECHO_CHARS_MAX = 2_000;

/** The `- ` lines under a line like `Answer with one of:` in the instructions. */
const choicesOf = (messages: ModelMessage[]): string[] => {
  const lines = messages.flatMap((message) => (message.role === "system" ? message.content.split("\n") : []));
  const heading = lines.findIndex((line) => /\b(?:answer|reply|respond)\b.*\bone of\b.*:\s*$/i.test(line));
  if (heading === -1) return [];
  const below = lines.slice(heading + 1).map((line) => line.trim());
  const start = below.findIndex((line) => line !== "");
  const end = below.findIndex((line, index) => index >= start && !line.startsWith("- "));
  return below.slice(Math.max(start, 0), end === -1 ? undefined : end).map((line) => line.slice(2).trim());
};

export const labelled = (text: string): string => `${LABEL} ${text}`;

const shorten = (text: string, charsMax: number): string => (text.length <= charsMax ? text : `${cutText(text, charsMax)}…`);

/** One of the choices that the instructions list, picked by what the user said; else what the user said. */
export const plainAnswer = (messages: ModelMessage[], text: string): string => {
  const choices = choicesOf(messages);
  const choice = choices[hashText(text) % choices.length];
  if (choice !== undefined) return labelled(choice);
  return labelled(`I am the built-in model without a mind of my own. You said: ${shorten(text, ECHO_CHARS_MAX)}`);
};

/** What stands between marks that say whose words it is; it is quoted as such anyway. */
const withoutMarks = (text: string): string =>
  /^(?:[^\n<]*\n)?<(tool_result|remote_content)\b[^>]*>\n([^]*)\n<\/\1>$/.exec(text)?.[2] ?? text;

/** What the tools said, each after its name. */
export const quotedResults = (messages: ModelMessage[]): string => {
  const names = new Map(
    messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : [])).map((call) => [call.id, call.name]),
  );
  const quotes = messages.flatMap((message) =>
    message.role === "tool" ? [`${names.get(message.toolCallId) ?? "a tool"} says: ${withoutMarks(message.content)}`] : [],
  );
  return labelled(quotes.join("\n"));
};
