import type { ModelMessage } from "../model/model.ts";
import { approvalOutcome, questionsOutcome } from "./card-outcome.ts";
import { enclosed } from "./enclosed.ts";
import { WAKE } from "./holds-foreign-text.ts";
import type { PastTurn } from "./turn-store.ts";

type PastCard = NonNullable<PastTurn["cards"]>[number];

/**
 * An ended turn as question and answer. What the user said while it ran stands with the question, what was decided in it and what its
 * background tasks have found since with the answer.
 */
export function pastMessages(past: PastTurn): [ModelMessage & { role: "user" }, ModelMessage & { role: "assistant" }] {
  const steers = (past.steers ?? []).map((steer) => `[added while this was being answered]\n${steer}`);
  const background = (past.children ?? []).map(
    ({ id, status, result }) =>
      `[background task ${id}, ${status}${result === null ? ": no result yet]" : `]\n${enclosed("task_result", result)}`}`,
  );
  const answer = [...(past.cards ?? []).map(cardNote), past.result ?? "", endNote(past), ...background];
  return [userMessage(joined([past.text, ...steers], "\n\n"), past.files), { role: "assistant", content: joined(answer, "\n") }];
}

export const userMessage = (text: string, files: string[]): ModelMessage & { role: "user" } =>
  files.length === 0 ? { role: "user", content: withoutWake(text) } : { role: "user", content: withoutWake(text), files };

/** What a background child has found is not its user's word, though it begins a turn as a message. */
function withoutWake(text: string): string {
  const [found] = WAKE.exec(text) ?? [];
  return found === undefined ? text : `${found.trimEnd()}\n${enclosed("task_result", text.slice(found.length))}`;
}

const joined = (parts: string[], between: string): string => parts.filter((part) => part !== "").join(between);

/** The model must know that a turn has no whole answer, or it answers the old question again. */
function endNote(past: PastTurn): string {
  if (past.status === "stopped") return past.reason === "superseded" ? "[cut short by the next message]" : "[stopped by the user]";
  return past.status === "failed" || past.status === "error" ? `[ended without an answer: ${past.reason ?? "unknown"}]` : "";
}

function cardNote(card: PastCard): string {
  if (card.kind === "questions") {
    const asked = card.body.map((question) => question.text).join(" / ");
    return `[asked the user: ${asked}; ${questionsOutcome(card).text}]`;
  }
  const outcome = approvalOutcome(card);
  return `[${card.body.tool} needed an approval: ${outcome === null ? "A person approved this call." : outcome.text}]`;
}
