import type { RunState } from "@parley/contracts";
import type { Caller } from "./caller.ts";
import type { Ledger } from "./ledger.ts";

/** What a person says to a call that needs an approval; both at once are two people. */
export type Choose = () => ("approve" | "deny")[];

interface Deciding {
  caller: Caller;
  ledger: Ledger;
  conversationId: string;
  choose: Choose;
  /** Decisions with a key are sent again until there is an answer. */
  key: string | null;
}

/** Answers what a conversation asks, and decides about what it wants to do. */
export async function decideCards({ caller, ledger, conversationId, choose, key }: Deciding): Promise<void> {
  const state = await caller.read("conversation.runState", { conversationId });
  if (state.kind !== "done") return;
  const decide = async (procedure: string, input: { cardId: string }, name: string): Promise<void> => {
    const idempotencyKey = key === null ? {} : { idempotencyKey: `${key}-${input.cardId}-${name}` };
    const outcome = await caller.call(procedure, { conversationId, ...input, ...idempotencyKey }, { again: key !== null });
    if (outcome.kind !== "done") return;
    ledger.decided.push({ cardId: input.cardId, outcome: (outcome.data as { outcome: string }).outcome });
  };
  for (const card of (state.data as RunState).cards) {
    const cardId = card.id;
    if (card.kind === "questions") {
      const answers = card.questions.map(({ id }) => ({ questionId: id, answer: "yes" }));
      await decide("card.answer", { cardId, ...{ answers } }, "answer");
    } else {
      const { argumentsHash } = card.approval;
      await Promise.all(choose().map((decision) => decide("card.decide", { cardId, ...{ decision, argumentsHash } }, decision)));
    }
  }
}
