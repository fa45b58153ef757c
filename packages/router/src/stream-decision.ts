import { type CardResult, type Cursor, isTurnEnd, type LogEvent } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { type TrackedEnvelope, tracked } from "@trpc/server";
import { catchUp, moves } from "./catch-up.ts";
import { followLog } from "./follow-log.ts";

/** A decision's stream: the first item says what it did, the log's events follow. */
export type DecisionItem = { type: "decided"; cursor: string; data: CardResult } | LogEvent;

interface Deciding {
  gateway: Gateway;
  caller: Caller;
  /** Under an idempotency key, so that doing it again gives the first answer. */
  decide(): Promise<CardResult>;
  /** What a reconnecting client saw last. */
  after: Cursor | null;
  leaving: AbortSignal;
}

/** The turn that goes on ends or pauses again; where other cards still wait, nothing goes on. */
const decisionEnd =
  ({ conversationId, cardId, turnId, resumed }: CardResult) =>
  (event: LogEvent): boolean => {
    if (!resumed) return event.type === "card.closed" && event.data.cardId === cardId;
    return event.turnId === turnId && event.executionId === conversationId && (event.type === "turn.paused" || isTurnEnd(event.type));
  };

/** Decides a card and follows its turn until that ends or pauses again; or goes on with that after a cut. */
export async function* streamDecision(deciding: Deciding): AsyncGenerator<TrackedEnvelope<DecisionItem>, void> {
  const { gateway, caller, decide, after, leaving } = deciding;
  const decided = await decide();
  const { conversationId, turnId, resumed } = decided;
  const isLast = decisionEnd(decided);
  if (after !== null) {
    const goesOn: Parameters<typeof catchUp>[0]["goesOn"] = (state) => resumed && moves(state) && state.turnId === turnId;
    return yield* catchUp({ gateway, caller, conversationId, after, goesOn, isLast, leaving });
  }
  yield tracked(decided.cursor, { type: "decided", cursor: decided.cursor, data: decided });
  const following = await gateway.followConversation(caller, { conversationId, after: decided.cursor as Cursor, signal: leaving });
  yield* followLog({ following, endsWith: isLast, leaving });
}
