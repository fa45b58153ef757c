import { answer, orderDrain, releaseQueue, removeMessage, stop, submit } from "./caller.ts";
import type { Rules } from "./rules.ts";
import { type CardOutcome, MODES, type Mode, type Move, pick, type State } from "./state.ts";

/** What callers may do: any of it, at any time. */
export function callerMoves(s: State, rules: Rules, messagesMax: number): Move[] {
  const c = s.conversation;
  const moves: Move[] = [];
  const add = (action: Move["action"], change: Move["change"]) => moves.push({ action, isProgress: false, change });
  if (s.messages.length < messagesMax) {
    for (const mode of MODES) if (isAccepted(s, mode)) add({ kind: "submit", mode }, (draft) => submit(draft, rules, mode));
  }
  // A caller may mean the turn before the current one, which has just ended.
  for (const turn of [s.turns.length - 1, s.turns.length]) {
    if (turn > 0) add({ kind: "stop", turn }, (draft) => stop(draft, rules, turn));
  }
  for (const message of [...c.queue, ...c.steers]) {
    add({ kind: "cancel", message }, (draft) => removeMessage(draft, rules, { message, state: "cancelled" }));
  }
  for (const [card, { kind }] of s.cards.entries()) {
    const outcomes: CardOutcome[] = kind === "question" ? ["answered"] : ["approved", "denied"];
    for (const outcome of outcomes) {
      if (mayAnswer(s, rules, card)) add({ kind: "answer", card, outcome }, (draft) => answer(draft, rules, card, outcome));
    }
  }
  add({ kind: "orderDrain" }, orderDrain);
  if (s.kicks.drain) add({ kind: "deliverDrain" }, (draft) => releaseQueue(draft, rules, { isOrdered: true, isRepair: false }));
  return moves;
}

function isAccepted({ conversation: c }: State, mode: Mode): boolean {
  if (mode === "reject") return c.state === "idle" && c.queue.length === 0;
  return mode !== "steer" || c.state !== "idle";
}

function mayAnswer(s: State, rules: Rules, index: number): boolean {
  const card = pick(s.cards, index);
  return (card.status === "open" || !rules.cardClosesOnce) && (!card.isPast || !rules.cardExpires);
}
