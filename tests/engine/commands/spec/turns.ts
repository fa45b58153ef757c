import { type Conversation, type Message, openCards, type Turn, type TurnEnd } from "./conversation.ts";

/** Makes a message the turn that runs next. Whatever begins a turn ends the hold. */
export function begin(c: Conversation, message: Message): Turn {
  const turn: Turn = { number: c.turns.length + 1, message, merged: [], heard: [], end: null, isVisible: true };
  c.turns.push(turn);
  message.state = "running";
  message.turn = turn;
  c.current = turn;
  c.state = "ready";
  c.held = false;
  c.stop = null;
  c.isDraining = false;
  c.due = "never";
  return turn;
}

/** The head of the queue becomes a turn; what was collected right behind it goes in, where it comes from the same place. */
export function beginNext(c: Conversation): void {
  const head = c.queue.shift();
  if (head === undefined) return;
  const turn = begin(c, head);
  if (head.isAlone) return;
  for (let next = c.queue[0]; next?.mode === "collect" && !next.isAlone && next.from === head.from; next = c.queue[0]) {
    c.queue.shift();
    next.state = "merged";
    next.turn = turn;
    turn.merged.push(next);
  }
}

/** Ends the current turn and, unless the queue is held or empty, begins the next. */
export function endTurn(c: Conversation, end: TurnEnd): void {
  const turn = c.current;
  if (turn === null) throw new Error("Nothing runs.");
  turn.end = end;
  for (const message of [turn.message, ...turn.heard]) message.state = "done";
  closeCards(c, end === "superseded" ? "superseded" : "cancelled");
  deferSteers(c);
  c.current = null;
  c.state = "idle";
  c.stop = null;
  c.isOrphaned = false;
  if (!c.held) beginNext(c);
}

/** What the turn did not hear any more becomes the head of the queue, behind what interrupts. */
function deferSteers(c: Conversation): void {
  const others = c.queue.findIndex(({ mode }) => mode !== "interrupt");
  for (const message of c.steers) message.turn = null;
  c.queue.splice(others === -1 ? c.queue.length : others, 0, ...c.steers);
  c.steers = [];
}

export function closeCards(c: Conversation, outcome: "superseded" | "cancelled"): void {
  for (const card of openCards(c)) card.status = outcome;
}

/** The paused turn goes on. */
export function resume(c: Conversation): void {
  c.state = "ready";
}
