import { beginNextTurn, closeCard, closeCards, endMessage, endTurn, kick, kickAgain, postEvents } from "./conversation.ts";
import type { Rules } from "./rules.ts";
import { type CardOutcome, currentTurn, isStopped, type Mode, type State } from "./state.ts";

export function submit(s: State, rules: Rules, mode: Mode): void {
  const c = s.conversation;
  const id = s.messages.push({ mode, state: "queued", ends: 0, turns: 0 }) - 1;
  const before = { state: c.state, turns: s.turns.length };
  if (mode !== "queue" && (c.state !== "ready" || rules.readyReleasesHold)) c.held = false;
  if (mode === "steer") steer(s, id);
  else if (mode === "interrupt") interrupt(s, rules, id);
  else {
    c.queue.push(id);
    if (c.state === "idle" && mode !== "queue") beginNextTurn(s, rules);
    if (c.state === "idle" && !c.held) c.due = true;
  }
  postEvents(s, rules);
  if (c.state === "ready" && (before.state !== "ready" || before.turns < s.turns.length)) kick(s);
}

function steer(s: State, id: number): void {
  s.conversation.steers.push(id);
  if (s.conversation.state === "paused") closeCards(s, "superseded");
}

function interrupt(s: State, rules: Rules, id: number): void {
  const c = s.conversation;
  c.queue.unshift(id);
  if (c.state === "idle") return beginNextTurn(s, rules);
  markStopped(s, "superseded");
  if (c.state !== "running") endTurn(s, rules, rules.stopOutranksInterrupt ? (c.stopReason ?? "superseded") : "superseded");
}

/** The current turn may only be ended from here on. That somebody stopped it outranks that it was interrupted. */
function markStopped(s: State, reason: "stopped" | "superseded"): void {
  if (reason === "stopped" || !isStopped(s)) s.conversation.stopReason = reason;
  s.conversation.stoppedThrough = s.turns.length;
}

export function stop(s: State, rules: Rules, turn: number): void {
  const c = s.conversation;
  const current = currentTurn(s);
  if (!rules.stopOnlyGrows && turn < s.turns.length) c.stoppedThrough = turn;
  if (current === 0 || (turn !== current && rules.stopNamesTurn)) return;
  markStopped(s, "stopped");
  c.held = true;
  if (c.state !== "running") endTurn(s, rules, c.stopReason ?? "stopped");
  postEvents(s, rules);
}

/** A message that waits ends without having been run. */
export function removeMessage(s: State, rules: Rules, { message, state }: { message: number; state: "cancelled" | "expired" }): void {
  const c = s.conversation;
  endMessage(s, message, state);
  c.queue = c.queue.filter((id) => id !== message);
  c.steers = c.steers.filter((id) => id !== message);
  if (c.queue.length === 0) c.due = false;
  postEvents(s, rules);
}

export function answer(s: State, rules: Rules, index: number, outcome: CardOutcome): void {
  const isReady = closeCard(s, index, outcome);
  postEvents(s, rules);
  if (isReady) kick(s);
}

export function orderDrain(s: State): void {
  const c = s.conversation;
  if (c.state === "idle" && c.queue.length > 0) {
    c.drain = true;
    s.kicks.drain = true;
  }
  // The stopped turn has not ended yet: the order is the next explicit action.
  if (c.state === "ready" || c.state === "running") c.held = false;
}

/** Begins the queue's head: for a drain order, or for the sweep. */
export function releaseQueue(s: State, rules: Rules, { isOrdered, isRepair }: { isOrdered: boolean; isRepair: boolean }): void {
  const c = s.conversation;
  const mayStart = !c.held || (isOrdered && (c.drain || !rules.drainNeedsRow));
  if (c.state === "idle" && c.queue.length > 0 && mayStart) {
    beginNextTurn(s, rules);
    postEvents(s, rules);
  } else if (c.state !== "paused") c.drain = false;
  if (c.state !== "ready") return;
  if (isRepair) kickAgain(s, rules);
  else kick(s);
}
