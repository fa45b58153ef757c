import type { ApprovalRequest, Card, CheckedAnswer, Decision, Question } from "@parley/contracts";

/** A card as it is kept. */
export type StoredCard = {
  id: string;
  turnId: string;
  executionId: string;
  step: number;
  callIndex: number;
  argumentsHash: string | null;
  status: Card["status"];
  answeredBy: string | null;
  createdAt: string;
  expiresAt: string | null;
  closedAt: string | null;
} & (
  | { kind: "questions"; body: Question[]; answer: { answers: CheckedAnswer[] } | null }
  | { kind: "approval"; body: ApprovalRequest; answer: Decision | null }
);

/** A card to be opened. */
export type NewCard = {
  id: string;
  executionId: string;
  step: number;
  callIndex: number;
  argumentsHash: string | null;
  expiresAt: string | null;
} & CardBody;

type CardBody = { kind: "questions"; body: Question[] } | { kind: "approval"; body: ApprovalRequest };
