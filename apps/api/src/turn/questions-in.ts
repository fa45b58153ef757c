import type { Card } from "@parley/contracts";
import { cardText } from "./card-text.ts";

/** What a turn that waits for its user asks. */
export const questionsIn = (cards: Card[]): string => cards.map(({ id: cardId, ...card }) => cardText({ cardId, ...card })).join("\n\n");
