import { type CheckedAnswer, type ErrorIssue, GatewayError, type Question, type QuestionAnswer } from "@parley/contracts";

/**
 * Holds answers against the questions of a card: one for each required question, none for a question that was not asked, options of
 * their own question, one unless several may be chosen, own words only where they are allowed. Throws `invalid_answers` with
 * every fault.
 */
export function checkAnswers(questions: Question[], given: QuestionAnswer[]): CheckedAnswer[] {
  const issues: ErrorIssue[] = [];
  const complain = (index: number, field: string, message: string) =>
    issues.push({ path: ["answers", index, field], message, code: "invalid_answer" });
  const checked = new Map<string, CheckedAnswer>();

  for (const [index, answer] of given.entries()) {
    const question = questions.find(({ id }) => id === answer.questionId);
    if (question === undefined) {
      complain(index, "question_id", "There is no such question.");
      continue;
    }
    if (checked.has(question.id)) complain(index, "question_id", "The question is answered twice.");
    const said = readAnswer(question, answer);
    for (const id of said.selectedOptionIds) {
      if (!question.options.some((option) => option.id === id)) complain(index, "selected_option_ids", "The question has no such option.");
    }
    if (new Set(said.selectedOptionIds).size !== said.selectedOptionIds.length)
      complain(index, "selected_option_ids", "An option is chosen twice.");
    if (said.selectedOptionIds.length > 1 && !question.multiSelect)
      complain(index, "selected_option_ids", "Only one option may be chosen.");
    if (said.freeText !== null && !question.allowFreeText) complain(index, "free_text", "The question takes options only.");
    if (said.selectedOptionIds.length === 0 && said.freeText === null) complain(index, "free_text", "An option or own words are needed.");
    checked.set(question.id, said);
  }
  for (const question of questions) {
    if (question.required && !checked.has(question.id))
      issues.push({ path: ["answers"], message: `The question ${question.id} is not answered.`, code: "missing_answer" });
  }
  if (issues.length > 0) throw new GatewayError("invalid_answers", { issues, text: issues.map(({ message }) => message).join(" ") });
  return [...checked.values()];
}

/** The short form names an option by id or label; anything else in it is own words. */
function readAnswer(question: Question, { answer, selectedOptionIds = [], freeText }: QuestionAnswer): CheckedAnswer {
  const words = freeText == null || freeText.trim() === "" ? null : freeText;
  const base = { questionId: question.id, selectedOptionIds, freeText: words };
  if (answer === undefined || selectedOptionIds.length > 0 || words !== null) return base;
  const option = question.options.find(({ id, label }) => id === answer || label === answer);
  if (option !== undefined) return { ...base, selectedOptionIds: [option.id] };
  return { ...base, freeText: answer.trim() === "" ? null : answer };
}
