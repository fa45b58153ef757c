import type { EventOf, Question } from "@parley/contracts";

const questionText = ({ text, options }: Question): string =>
  [text, ...options.map(({ label, description }) => `- ${label}${description === undefined ? "" : `: ${description}`}`)].join("\n");

/** What a turn waits for, for those who can only read. */
export const cardText = (card: EventOf<"card.opened">["data"]): string =>
  card.kind === "questions"
    ? card.questions.map(questionText).join("\n\n")
    : `The call of ${card.approval.tool} waits for an approval, which is given by somebody with the right to, and not by a message.`;
