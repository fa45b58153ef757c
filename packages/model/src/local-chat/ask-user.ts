import type { ToolDefinition } from "@parley/domain";
import { cutText } from "./cut-text.ts";

export const ASK_TOOL = "ask_user_questions";
const QUESTION_CHARS_MAX = 1_000;
const OPTIONS_MAX = 6;

/** `: red, green or blue` at the end of a question are its options. */
const optionsOf = (text: string): string[] => {
  const list = /:\s*([^:]+)$/.exec(text)?.[1];
  const labels = (list ?? "").split(/,|\bor\b/i).map((label) => label.replace(/[?.!]+\s*$/, "").trim());
  const unique = [...new Set(labels.filter((label) => label !== "" && label.length <= 100))].slice(0, OPTIONS_MAX);
  return unique.length > 1 ? unique : [];
};

/** The arguments of `ask_user_questions` where the user says `ask me …` and the tool is offered; else null. */
export const askArguments = (text: string, tools: ToolDefinition[]): { questions: Record<string, unknown>[] } | null => {
  const asked = /\bask me\b[\s,:]*([^]*)/i.exec(text);
  if (asked === null || !tools.some((tool) => tool.name === ASK_TOOL)) return null;
  const wanted = cutText((asked[1] ?? "").trim(), QUESTION_CHARS_MAX);
  const options = optionsOf(wanted).map((label, index) => ({ id: `option_${index + 1}`, label }));
  const subject = (options.length > 0 ? wanted.replace(/:\s*[^:]+$/, "") : wanted).replace(/[?.!\s]+$/, "");
  const question = subject === "" ? "What would you like?" : `${subject.charAt(0).toUpperCase()}${subject.slice(1)}?`;
  return { questions: [{ id: "question_1", text: `[local/chat] ${question}`, ...(options.length > 0 ? { options } : {}) }] };
};
