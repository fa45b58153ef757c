import { type Card, cardId, conversationId, type Question, type QuestionAnswer } from "@parley/contracts";

type QuestionCard = Extract<Card, { kind: "questions" }>;

const PREFIX = "card";

/** The request's id says which card it is about: whichever process is sent the answer knows what to do with it. */
export const elicitationId = (conversation: string, card: string): string => `${PREFIX}/${conversation}/${card}`;

/** Null for the answer to anything else. */
export function readElicitationId(id: unknown) {
  const [prefix, conversation, card, ...rest] = String(id).split("/");
  const named = { conversationId: conversationId.safeParse(conversation), cardId: cardId.safeParse(card) };
  if (prefix !== PREFIX || rest.length > 0 || !named.conversationId.success || !named.cardId.success) return null;
  return { conversationId: named.conversationId.data, cardId: named.cardId.data };
}

function fieldOf({ text, header, multiSelect, allowFreeText, options }: Question): object {
  const said = { title: header ?? text, description: text };
  const choices = options.map(({ id, label }) => ({ const: id, title: label }));
  if (choices.length > 0 && multiSelect) return { ...said, type: "array", items: { anyOf: choices } };
  if (choices.length > 0 && !allowFreeText) return { ...said, type: "string", oneOf: choices };
  const hint = choices.length === 0 ? "" : ` (${options.map(({ label }) => label).join(", ")}, or own words)`;
  return { ...said, description: `${text}${hint}`, type: "string" };
}

/** A card's questions as a form. */
export const formOf = ({ questions }: QuestionCard) => ({
  mode: "form",
  message: questions.map(({ text }) => text).join("\n"),
  requestedSchema: {
    type: "object",
    properties: Object.fromEntries(questions.map((question) => [question.id, fieldOf(question)])),
    required: questions.filter(({ required }) => required).map(({ id }) => id),
  },
});

/** A filled form as answers; what fits no question is refused when the card is answered. */
export const answersOf = (content: Record<string, unknown>): QuestionAnswer[] =>
  Object.entries(content).map(([questionId, value]) =>
    Array.isArray(value) ? { questionId, selectedOptionIds: value.map(String) } : { questionId, answer: String(value) },
  );
