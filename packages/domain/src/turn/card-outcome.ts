import type { CheckedAnswer, Question } from "@parley/contracts";
import type { ResultRecord } from "./journal-line.ts";
import type { StoredCard } from "./stored-card.ts";

/** What the model is told of its questions. That nobody answered is never shown as an answer. */
export function questionsOutcome({ status, body, answer }: Extract<StoredCard, { kind: "questions" }>): ResultRecord {
  switch (status) {
    case "answered":
      return { text: JSON.stringify({ answers: readable(body, answer?.answers ?? []) }), isError: false, words: "own" };
    case "expired":
      return { text: "The questions were not answered in time. The user has said nothing about them.", isError: true, words: "own" };
    case "superseded":
      return { text: "The user did not answer the questions, but sent a message instead.", isError: true, words: "own" };
    default:
      return { text: "The questions were withdrawn before they were answered.", isError: true, words: "own" };
  }
}

/** Null where the call may be made. A decision that was never made is never shown as a refusal. */
export function approvalOutcome({ status, answer }: Extract<StoredCard, { kind: "approval" }>): ResultRecord | null {
  switch (status) {
    case "approved":
      return null;
    case "denied": {
      const comment = answer?.comment ?? null;
      return {
        text: comment === null ? "A person refused this call." : `A person refused this call: ${comment}`,
        isError: true,
        words: "own",
      };
    }
    case "expired":
      return { text: "Nobody decided about this call in time, so it was not made. It was not refused.", isError: true, words: "own" };
    case "superseded":
      return { text: "The user sent a message instead of a decision about this call, so it was not made.", isError: true, words: "own" };
    default:
      return { text: "The request to approve this call was withdrawn, so it was not made.", isError: true, words: "own" };
  }
}

/** With the questions' and the options' words, as the model does not remember ids well. */
const readable = (questions: Question[], answers: CheckedAnswer[]) =>
  answers.map(({ questionId, selectedOptionIds, freeText }) => {
    const question = questions.find(({ id }) => id === questionId);
    const labels = selectedOptionIds.map((id) => question?.options.find((option) => option.id === id)?.label ?? id);
    return { questionId, question: question?.text ?? questionId, selected: labels, freeText };
  });
