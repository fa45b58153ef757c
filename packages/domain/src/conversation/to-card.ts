import type { Card } from "@parley/contracts";
import type { StoredCard } from "../turn/stored-card.ts";

/** A card as callers see it. */
export function toCard(stored: StoredCard): Card {
  const { id, turnId, executionId, status, answeredBy, createdAt, expiresAt, closedAt } = stored;
  const base = { id, turnId, executionId, status, answeredBy, createdAt, expiresAt, closedAt };
  return stored.kind === "questions"
    ? { ...base, kind: stored.kind, questions: stored.body, answer: stored.answer }
    : { ...base, kind: stored.kind, approval: stored.body, answer: stored.answer };
}
