import { z } from "zod";
import { cardId, conversationId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";
import type { Question } from "./question.ts";

export type CardOutcome = "answered" | "approved" | "denied" | "expired" | "superseded" | "cancelled";

/** What an approval is asked for: one call, with exactly these arguments. */
export interface ApprovalRequest {
  tool: string;
  arguments: unknown;
  /** SHA-256 of the arguments as they will be passed on, hex. */
  argumentsHash: string;
  agentId: string;
  /** The turn had read something that its user did not write when it asked for this. */
  tainted?: true;
}

/** Decides one question: options by id, own words, or `answer`, which is an option's id or label or else own words. */
export const questionAnswer = z.object({
  questionId: z.string().min(1).max(100),
  selectedOptionIds: z.array(z.string().min(1).max(100)).max(20).optional(),
  freeText: z.string().max(BOUNDS.messageCharsMax.ceiling).nullish(),
  answer: z.string().max(BOUNDS.messageCharsMax.ceiling).optional(),
});
export type QuestionAnswer = z.infer<typeof questionAnswer>;

/** An answer as it is kept: checked against its question. */
export interface CheckedAnswer {
  questionId: string;
  selectedOptionIds: string[];
  freeText: string | null;
}

export interface Decision {
  /** What the person who decided added. */
  comment: string | null;
}

interface CardBase {
  id: string;
  turnId: string;
  /** Who asks: the root execution, or a child that runs within its turn. */
  executionId: string;
  status: "open" | CardOutcome;
  answeredBy: string | null;
  createdAt: string;
  /** Null: it waits for ever. */
  expiresAt: string | null;
  closedAt: string | null;
}

/** A pending decision: questions to the user, or a call that needs an approval. */
export type Card = CardBase &
  (
    | { kind: "questions"; questions: Question[]; answer: { answers: CheckedAnswer[] } | null }
    | { kind: "approval"; approval: ApprovalRequest; answer: Decision | null }
  );

export const cardInput = z.object({ conversationId, cardId });

export const answerInput = cardInput.extend({ answers: z.array(questionAnswer).max(10) });
export type AnswerInput = z.infer<typeof answerInput>;

export const decideInput = cardInput.extend({
  decision: z.enum(["approve", "deny"]),
  /** Of the arguments that the caller was shown: another call than that is refused. */
  argumentsHash: z.string().max(64).optional(),
  comment: z.string().max(4_000).optional(),
});
export type DecideInput = z.infer<typeof decideInput>;

export interface CardResult {
  conversationId: string;
  cardId: string;
  turnId: string;
  outcome: CardOutcome;
  /** Cards of the same turn that still wait. At 0 the turn goes on. */
  cardsOpen: number;
  resumed: boolean;
  /** Where the log stood before: follow from here to see the turn go on. */
  cursor: string;
  replayed: boolean;
}
