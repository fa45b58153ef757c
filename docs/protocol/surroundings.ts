import { releaseQueue, removeMessage } from "./caller.ts";
import { closeCard, kick, kickAgain, postEvents } from "./conversation.ts";
import type { Rules } from "./rules.ts";
import { type Action, idleWorker, type Move, pick, type State } from "./state.ts";

/** Time, the sweep, and all that can go wrong: any of it, at any time, as often as it likes. */
export function surroundingMoves(s: State, rules: Rules): Move[] {
  const c = s.conversation;
  const moves: Move[] = [];
  const add = (action: Action, change: (draft: State) => void, isProgress = false) => moves.push({ action, isProgress, change });

  if (isWorkForSweep(s)) add({ kind: "sweep" }, (draft) => sweep(draft, rules), true);
  for (const [card, { status, isPast }] of s.cards.entries()) {
    if (status === "open" && !isPast) {
      add({ kind: "passCard", card }, (draft) => {
        pick(draft.cards, card).isPast = true;
      });
    }
  }
  // Found by the sweep and ended by the reaper, where nobody runs the conversation.
  for (const message of c.state === "idle" || c.state === "paused" ? c.queue : []) {
    add({ kind: "expireMessage", message }, (draft) => removeMessage(draft, rules, { message, state: "expired" }));
  }
  if (c.state === "running" && !c.leasePast) add({ kind: "passLease" }, passLease, !isHolderUp(s));

  for (const [worker, w] of s.workers.entries()) {
    if (w.life === "up" && w.at !== "idle") {
      add({ kind: "crash", worker }, (draft) => crash(draft, worker));
      add({ kind: "freeze", worker }, (draft) => {
        pick(draft.workers, worker).life = "frozen";
      });
    }
    if (w.life === "frozen") {
      add({ kind: "thaw", worker }, (draft) => {
        pick(draft.workers, worker).life = "up";
      });
      // Frozen for ever is dead, and the dead are replaced; nobody relies on a thaw.
      add(
        { kind: "replace", worker },
        (draft) => crash(draft, worker),
        s.workers.every(({ life }) => life === "frozen"),
      );
    }
  }
  if (s.kicks.current || s.kicks.other) add({ kind: "loseKick" }, loseKicks);
  if (s.kicks.current) add({ kind: "strandKick" }, strandKick);
  if (s.kicks.current || s.kicks.other || s.kicks.dead || s.kicks.drain) add({ kind: "flushRedis" }, flushRedis);
  return moves;
}

const isHolderUp = ({ conversation, workers }: State): boolean =>
  workers.some(({ life, at, epoch }) => life === "up" && at !== "idle" && epoch === conversation.epoch);

function isWorkForSweep({ conversation: c, cards }: State): boolean {
  if (c.state === "ready") return true;
  if (c.state === "running") return c.leasePast;
  if (c.state === "paused") return cards.some(({ status, isPast }) => status === "open" && isPast);
  return c.drain || (c.due && !c.held);
}

/** What the sweep finds, the reaper does: both are one step here, as a late repair finds the same rows. */
function sweep(s: State, rules: Rules): void {
  const c = s.conversation;
  if (c.state === "idle") return releaseQueue(s, rules, { isOrdered: c.drain, isRepair: true });
  if (c.state === "paused") return expireCards(s, rules);
  if (rules.sweepKicksAgain) kickAgain(s, rules);
}

function expireCards(s: State, rules: Rules): void {
  let isReady = false;
  for (const [index, { status, isPast }] of s.cards.entries()) {
    if (status === "open" && isPast) isReady = closeCard(s, index, "expired");
  }
  postEvents(s, rules);
  if (isReady) kick(s);
}

/** The lease is over; who held it knows from its own clock that it has not renewed for long. */
function passLease(s: State): void {
  s.conversation.leasePast = true;
  for (const worker of s.workers) if (worker.epoch === s.conversation.epoch) worker.isFresh = false;
}

/** The process is gone, another one is started in its place. Its job stays in Redis, in nobody's hands. */
function crash(s: State, worker: number): void {
  s.kicks.dead ||= pick(s.workers, worker).swallows;
  s.workers[worker] = idleWorker();
}

function loseKicks({ kicks }: State): void {
  kicks.current = false;
  kicks.other = false;
}

/** A worker takes the job and dies before it claims. */
function strandKick({ kicks }: State): void {
  kicks.current = false;
  kicks.dead = true;
}

function flushRedis(s: State): void {
  s.kicks = { current: false, other: false, dead: false, drain: false };
  for (const worker of s.workers) worker.swallows = false;
}
