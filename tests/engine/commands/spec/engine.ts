import { leave } from "./control.ts";
import { type Card, type Conversation, openCards } from "./conversation.ts";
import { beginNext, closeCards, endTurn, resume } from "./turns.ts";

/** What the model says next. `asks` opens a card for each kind. */
export type Reply = { kind: "answers" } | { kind: "calls" } | { kind: "asks"; cards: Card["kind"][] };

/** A worker takes the conversation over, if it is there to be taken, up to the model's next call. */
export function claim(c: Conversation): void {
  if (c.state !== "ready" && !(c.state === "running" && c.isOrphaned)) return;
  c.state = "running";
  c.isOrphaned = false;
  if (c.stop === null) hear(c);
  else endTurn(c, c.stop);
}

/** A step boundary: the turn is told all that waits for it. */
function hear(c: Conversation): void {
  for (const message of c.steers) {
    message.state = "running";
    c.current?.heard.push(message);
  }
  c.steers = [];
}

/** The model has said something, and its worker does what follows from it. Cards get their ids from the gateway. */
export function reply(c: Conversation, said: Reply): Card[] {
  if (c.stop !== null) {
    endTurn(c, c.stop);
    return [];
  }
  switch (said.kind) {
    case "answers":
      endTurn(c, "completed");
      return [];
    case "calls":
      hear(c);
      return [];
    case "asks":
      return pause(c, said.cards);
  }
}

function pause(c: Conversation, kinds: Card["kind"][]): Card[] {
  const turn = c.current;
  if (turn === null) throw new Error("Nothing runs.");
  const opened = kinds.map((kind): Card => ({ id: "", kind, turn, status: "open", isLate: false }));
  c.cards.push(...opened);
  c.state = "paused";
  if (c.steers.length > 0) {
    // Somebody has already said how to go on.
    closeCards(c, "superseded");
    resume(c);
  }
  return opened;
}

/** The worker shuts down and passes the turn on. */
export function giveBack(c: Conversation): void {
  c.state = "ready";
}

/** A held queue starts by an order only, and only while the order stands. */
export function release(c: Conversation, isOrdered: boolean): void {
  const mayStart = !c.held || (isOrdered && c.isDraining);
  if (c.state === "idle" && c.queue.length > 0 && mayStart) beginNext(c);
  else if (c.state !== "paused") c.isDraining = false;
}

/** What the reaper does: ends what is past its time, starts what is due. */
export function repair(c: Conversation): void {
  if (c.state === "idle" || c.state === "paused") {
    leave(
      c,
      c.queue.filter(({ isLate }) => isLate),
      "expired",
    );
  }
  if (c.state === "paused") {
    for (const card of openCards(c)) if (card.isLate) card.status = "expired";
    if (openCards(c).length === 0) resume(c);
  }
  if (c.state === "idle" && (c.due === "now" || c.isDraining)) release(c, c.isDraining);
}
