import { callerMoves } from "./caller-moves.ts";
import { describeAction } from "./describe-action.ts";
import type { Model } from "./explore.ts";
import { keyOf } from "./key-of.ts";
import { invariantsUnder, LAWS } from "./laws.ts";
import type { Rules } from "./rules.ts";
import { type Action, copyState, initialState, type State } from "./state.ts";
import { surroundingMoves } from "./surroundings.ts";
import { workerMoves } from "./worker-moves.ts";

/** How much of everything there is. Faults are not counted: they may happen at any time, without end. */
export interface Bounds {
  messages: number;
  cards: number;
  workers: number;
}

/** One conversation, its callers, workers, queue and sweep, under the rules given. */
export function protocolModel(bounds: Bounds, rules: Rules): Model<State, Action> {
  return {
    initial: initialState(bounds.workers),
    steps(state) {
      const moves = [
        ...callerMoves(state, rules, bounds.messages),
        ...state.workers.flatMap((_, worker) => workerMoves(state, rules, worker, bounds.cards)),
        ...surroundingMoves(state, rules),
      ];
      return moves.map(({ action, isProgress, change }) => {
        const to = copyState(state);
        change(to);
        return { action, to, isProgress };
      });
    },
    keyOf,
    invariants: invariantsUnder(rules),
    laws: LAWS,
    isRest,
    describe: describeAction,
  };
}

/** Nobody has anything to do: nothing waits that is not held or behind an open card. */
function isRest({ conversation: c, cards, workers }: State): boolean {
  if (workers.some(({ life, at }) => life === "up" && at !== "idle")) return false;
  if (c.state === "paused") return c.cardsOpen > 0 && !cards.some(({ status, isPast }) => status === "open" && isPast);
  return c.state === "idle" && c.steers.length === 0 && !c.drain && (c.queue.length === 0 || c.held);
}
