import { closeCards, endTurn, kick, nextEpoch, takeEpoch } from "./conversation.ts";
import type { Rules } from "./rules.ts";
import { type Card, idleWorker, pick, type State, turnOf, type Worker } from "./state.ts";

/** A conversation that waits for a worker, or whose worker has not been heard of for a lease. */
export const mayClaim = ({ conversation: c }: State): boolean => c.state === "ready" || (c.state === "running" && c.leasePast);

/** The fence: who holds the newest epoch of a running conversation writes, nobody else. */
export const mayWrite = ({ conversation: c }: State, rules: Rules, w: Worker): boolean =>
  w.at !== "idle" && ((c.state === "running" && w.epoch === c.epoch) || !rules.fence);

/** True where the job that is taken has the id of the next kick. */
export function takeKick({ kicks }: State): boolean {
  if (kicks.other) {
    kicks.other = false;
    return false;
  }
  kicks.current = false;
  return true;
}

export function claim(s: State, rules: Rules, w: Worker, swallows: boolean): void {
  const c = s.conversation;
  w.swallows = swallows;
  takeEpoch(s, rules);
  c.headEpoch = c.epoch;
  c.state = "running";
  c.leasePast = false;
  Object.assign(w, { at: "thinking", epoch: c.epoch, turn: s.turns.length, isFresh: true });
}

/**
 * The claim does not wait for the disk, and Postgres crashes: it comes back as it was before. Whoever claimed does not know. What
 * others may see of the claim before the crash leads nowhere else, as they could as well have died.
 */
export function claimInVain(s: State, rules: Rules, w: Worker): void {
  const epoch = nextEpoch(s, rules);
  Object.assign(w, { at: "thinking", epoch, turn: s.turns.length, isFresh: true });
}

export function letGo(_: State, w: Worker): void {
  Object.assign(w, idleWorker());
}

/** Every write proves the lease anew. */
function write(s: State, w: Worker): void {
  s.conversation.headEpoch = w.epoch;
  s.conversation.leasePast = false;
  w.isFresh = true;
}

export function renew(s: State, w: Worker): void {
  s.conversation.leasePast = false;
  w.isFresh = true;
}

export function giveBack(s: State, w: Worker): void {
  write(s, w);
  s.conversation.state = "ready";
  kick(s);
  letGo(s, w);
}

export function writeIntent(s: State, w: Worker): void {
  write(s, w);
  turnOf(s, s.turns.length).journal = "intent";
  w.at = "intended";
}

/** Goes on from a recorded call without a word in the journal. */
export function goOn(_: State, w: Worker): void {
  w.at = "intended";
}

export function check(_: State, w: Worker): void {
  w.at = "checked";
}

export function send(s: State, w: Worker): void {
  turnOf(s, w.turn).sent += 1;
  w.at = "sent";
}

export function writeResult(s: State, w: Worker): void {
  write(s, w);
  turnOf(s, s.turns.length).journal = "result";
  w.at = "thinking";
}

export function writeUnknown(s: State, w: Worker): void {
  write(s, w);
  turnOf(s, s.turns.length).journal = "unknown";
}

/** What the user has said meanwhile becomes part of the turn, between two steps. */
export function hearSteers(s: State, w: Worker): void {
  write(s, w);
  const c = s.conversation;
  for (const id of c.steers) Object.assign(pick(s.messages, id), { state: "running", turns: pick(s.messages, id).turns + 1 });
  turnOf(s, s.turns.length).messages.push(...c.steers);
  c.steers = [];
}

/** Pauses on cards. Where the user has steered meanwhile there is nothing to wait for, and the turn goes on at once. */
export function ask(s: State, rules: Rules, w: Worker, kinds: Card["kind"][]): void {
  const c = s.conversation;
  write(s, w);
  turnOf(s, s.turns.length).journal = "asked";
  for (const kind of kinds) s.cards.push({ turn: s.turns.length, kind, status: "open", isPast: false, closes: 0 });
  c.cardsOpen = kinds.length;
  c.state = "paused";
  if (c.steers.length > 0 && rules.steeredDoesNotPause) {
    closeCards(s, "superseded");
    kick(s);
  }
  letGo(s, w);
}

export function finish(s: State, rules: Rules, w: Worker, status: "completed" | "stopped" | "superseded"): void {
  write(s, w);
  endTurn(s, rules, status);
  if (s.conversation.state === "ready") kick(s);
  letGo(s, w);
}
