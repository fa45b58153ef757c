import type { ApprovalRequest, Card, CardOutcome, CheckedAnswer, EventOf, Question } from "@parley/contracts";

/** What every decision has, wherever it is shown. Its `id` is what answers name as `decision_id`. */
interface Face {
  id: string;
  at: string;
  turnId: string | null;
  /** `open`, or its outcome. */
  status: string;
}

const questionRow = (question: Question) => ({
  id: question.id,
  text: question.text,
  header: question.header ?? null,
  multi_select: question.multiSelect,
  allow_free_text: question.allowFreeText,
  required: question.required,
  options: question.options,
});

const answerRow = ({ questionId, selectedOptionIds, freeText }: CheckedAnswer) => ({
  question_id: questionId,
  selected_option_ids: selectedOptionIds,
  free_text: freeText,
});

const outcomeOf = ({ status }: Face): string | null => (status === "open" ? null : status);

/** `status` has the three words that clients of this wire know; `outcome` says exactly what became of it. */
export function questionsRow(face: Face, questions: Question[], answers: CheckedAnswer[] | null) {
  const outcome = outcomeOf(face);
  return {
    id: face.id,
    created_at: face.at,
    kind: "ask_user_questions",
    status: outcome === null ? "pending" : outcome === "answered" ? "answered" : "cancelled",
    outcome,
    questions: questions.map(questionRow),
    answers: answers?.map(answerRow) ?? null,
    turn_id: face.turnId,
  };
}

/** `arguments_hash` is what a decision is bound to; `tainted`: others had a say in what the model had read when it asked. */
export function approvalRow(face: Face, approval: ApprovalRequest, comment: string | null) {
  const outcome = outcomeOf(face);
  return {
    id: face.id,
    created_at: face.at,
    kind: "approval",
    status: outcome ?? "pending",
    outcome,
    tool_name: approval.tool,
    payload: approval.arguments,
    arguments_hash: approval.argumentsHash,
    agent_id: approval.agentId,
    tainted: approval.tainted === true,
    comment,
    turn_id: face.turnId,
  };
}

/** One that waits, as the run-state has it. `task_id` is who asks: the conversation, or a child. */
export function cardRow(card: Card) {
  const face = { id: card.id, at: card.createdAt, turnId: card.turnId, status: card.status };
  const row =
    card.kind === "questions"
      ? questionsRow(face, card.questions, card.answer?.answers ?? null)
      : approvalRow(face, card.approval, card.answer?.comment ?? null);
  return { ...row, task_id: card.executionId, expires_at: card.expiresAt };
}

/** One that has just been opened. */
export function openedCardRow({ data, at, turnId }: EventOf<"card.opened">) {
  const face = { id: data.cardId, at, turnId, status: "open" };
  const row = data.kind === "questions" ? questionsRow(face, data.questions, null) : approvalRow(face, data.approval, null);
  return { ...row, expires_at: data.expiresAt };
}

/** What became of one, and by whom: null where it was nobody's decision. */
export function closedCardRow({ data: { cardId, outcome, answer, by } }: EventOf<"card.closed">) {
  return {
    decision_id: cardId,
    outcome: outcome satisfies CardOutcome,
    answers: answer !== undefined && "answers" in answer ? answer.answers.map(answerRow) : null,
    comment: answer !== undefined && "comment" in answer ? answer.comment : null,
    decided_by: by ?? null,
  };
}
