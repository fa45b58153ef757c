import type { Rules } from "./rules.ts";
import { type CardOutcome, pick, type State, turnOf } from "./state.ts";

/** Higher than any that was given, also where Postgres does not know of it any more: the clock is in it. */
export function nextEpoch(s: State, rules: Rules): number {
  if (!rules.epochIsUnique) return s.conversation.epoch + 1;
  s.clock += 1;
  return s.clock;
}

/** The next epoch: for a claim, and for whoever writes without being the holder. The ids of later kicks differ from then on. */
export function takeEpoch(s: State, rules: Rules): void {
  s.conversation.epoch = nextEpoch(s, rules);
  if (!rules.kickIdNamesEpoch) return;
  s.kicks.other ||= s.kicks.current;
  s.kicks.current = false;
  s.kicks.dead = false;
  for (const worker of s.workers) worker.swallows = false;
}

/** A write of somebody who does not hold the lease: into the inbox of who does, or under an epoch of its own. */
export function postEvents(s: State, rules: Rules): void {
  if (s.conversation.state === "running") return;
  takeEpoch(s, rules);
  s.conversation.headEpoch = s.conversation.epoch;
}

/** Orders a ready conversation to be run, unless a job with the same id is still there. */
export function kick(s: State): void {
  const isSwallowed = s.kicks.current || s.kicks.dead || s.workers.some((worker) => worker.swallows);
  if (!isSwallowed) s.kicks.current = true;
}

/** Orders it again, for the sweep. */
export function kickAgain(s: State, rules: Rules): void {
  if (rules.repairHasOwnId) s.kicks.other = true;
  else kick(s);
}

export function endMessage(s: State, id: number, state: "done" | "merged" | "cancelled" | "expired"): void {
  const message = pick(s.messages, id);
  message.state = state;
  message.ends += 1;
}

/** Takes the head of the queue, with the `collect` messages right behind it, and begins its turn. */
export function beginNextTurn(s: State, rules: Rules): void {
  const c = s.conversation;
  const head = c.queue.shift();
  if (head === undefined) return;
  const message = pick(s.messages, head);
  message.state = "running";
  message.turns += 1;
  for (let next = c.queue[0]; next !== undefined && pick(s.messages, next).mode === "collect"; next = c.queue[0]) {
    c.queue.shift();
    pick(s.messages, next).turns += 1;
    endMessage(s, next, "merged");
  }
  s.turns.push({ messages: [head], status: "open", ends: 0, journal: "empty", sent: 0 });
  c.state = "ready";
  if (rules.beginEndsHold) c.held = false;
  c.due = false;
  c.drain = false;
  c.stopReason = null;
}

/** Ends the current turn and, unless the queue is held or empty, begins the next. */
export function endTurn(s: State, rules: Rules, status: "completed" | "stopped" | "superseded"): void {
  const c = s.conversation;
  const turn = turnOf(s, s.turns.length);
  turn.status = status;
  turn.ends += 1;
  for (const id of turn.messages) endMessage(s, id, "done");
  if (rules.endClosesCards) closeCards(s, status === "superseded" ? "superseded" : "cancelled");
  if (status !== "completed") c.stoppedThrough = Math.max(c.stoppedThrough, s.turns.length);
  queueSteers(s, rules);
  c.state = "idle";
  c.leasePast = false;
  if (rules.endBeginsNext && !c.held) beginNextTurn(s, rules);
}

/** What the turn did not apply becomes the head of the queue; an interrupt still runs before it. */
function queueSteers(s: State, rules: Rules): void {
  const c = s.conversation;
  const isInterrupt = (id: number) => pick(s.messages, id).mode === "interrupt";
  const others = c.queue.findIndex((id) => !isInterrupt(id));
  const place = !rules.interruptBeforeSteers ? 0 : others === -1 ? c.queue.length : others;
  if (rules.steersOutliveTurn) c.queue.splice(place, 0, ...c.steers);
  c.steers = [];
}

/** Closes a card; true when it was the last one that the turn waits for, which is ready then. */
export function closeCard(s: State, index: number, outcome: CardOutcome): boolean {
  const card = pick(s.cards, index);
  card.status = outcome;
  card.closes += 1;
  s.conversation.cardsOpen -= 1;
  if (s.conversation.cardsOpen > 0) return false;
  s.conversation.state = "ready";
  return true;
}

export function closeCards(s: State, outcome: CardOutcome): void {
  for (const [index, card] of s.cards.entries()) if (card.status === "open") closeCard(s, index, outcome);
}
