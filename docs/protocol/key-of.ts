import { currentTurn, isStopped, pick, type State, turnOf, type Worker } from "./state.ts";

/**
 * What of a state decides what may follow. Left out: what ended messages, turns and cards were, which worker is which, and
 * epochs and numbers as such; they are only ever compared.
 */
export function keyOf(s: State): string {
  const { conversation: c, kicks } = s;
  const current = currentTurn(s);
  let key = `${s.messages.length}${c.state}${Math.min(s.turns.length, 2)}`;
  key += bits(c.held, c.leasePast, c.due, c.drain, c.headEpoch < c.epoch, kicks.current, kicks.other, kicks.dead, kicks.drain);
  if (isStopped(s)) key += c.stopReason;
  if (current !== 0) key += turnOf(s, current).journal + turnOf(s, current).sent;
  key += `s${c.steers.length}q`;
  for (const id of c.queue) key += QUEUED[pick(s.messages, id).mode];
  for (const { turn, kind, status, isPast } of s.cards)
    key += `|${kind}${status === "open" || turn === current ? status : ""}${bits(isPast)}`;
  const workers = s.workers.map((worker) => keyOfWorker(s, worker));
  return `${key}|${workers.sort().join()}`;
}

/** Once it waits, only these modes still matter. */
const QUEUED = { auto: "-", queue: "-", steer: "-", reject: "-", collect: "c", interrupt: "i" } as const;

function keyOfWorker(s: State, w: Worker): string {
  if (w.at === "idle") return w.swallows ? "idle swallows" : "idle";
  const sent = w.turn === currentTurn(s) ? "" : turnOf(s, w.turn).sent;
  if (w.epoch === s.conversation.epoch) return `${w.at}${bits(w.life === "up", w.isFresh, w.swallows)}${sent}`;
  // Whose epoch is over writes nothing more; a call that it was about to send may still go out.
  const effect = w.at === "checked" ? `checked${sent}` : w.at === "intended" && w.isFresh ? "intended" : "";
  return `over${effect}${bits(w.life === "up", w.swallows)}`;
}

function bits(...flags: boolean[]): string {
  let sum = 0;
  for (const flag of flags) sum = sum * 2 + (flag ? 1 : 0);
  return `.${sum}.`;
}
