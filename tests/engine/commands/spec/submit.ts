import type { ErrorCode, MessageMode, SubmitResult } from "@parley/contracts";
import { type Conversation, type Message, QUEUE_MAX, type Turn } from "./conversation.ts";
import { begin, beginNext, closeCards, endTurn, resume } from "./turns.ts";

export interface Draft {
  mode: MessageMode;
  isInvoke: boolean;
  from: string;
  /** The earlier message that it replaces. */
  edits?: { message: Message; isVersionRight: boolean };
}

/** What the caller must be told. */
export type Said = Pick<SubmitResult, "action" | "mode" | "askedMode" | "position" | "queueDepth">;
export type Verdict<Answer> = { refused: ErrorCode } | { answer: Answer };

/** What a message does, cell by cell. The message gets its ids from the gateway. */
export function submit(c: Conversation, draft: Draft): Verdict<Said> & { message?: Message } {
  const mode = draft.edits === undefined ? draft.mode : "interrupt";
  const isBusy = c.state !== "idle";
  const waited = c.queue.length;
  if (mode === "reject" && (isBusy || waited > 0)) return { refused: "turn_in_progress" };
  if (mode === "steer" && !isBusy) return { refused: "nothing_to_steer" };
  const isFirst = mode === "interrupt" || (draft.isInvoke && !isBusy);
  const runs = !isBusy && mode !== "queue" && (waited === 0 || isFirst);
  if (!runs && (waited >= QUEUE_MAX || (mode === "steer" && c.steers.length >= QUEUE_MAX))) return { refused: "queue_full" };
  const cut = draft.edits === undefined ? null : turnToCut(draft.edits);
  if (typeof cut === "string") return { refused: cut };
  for (const turn of c.turns) if (cut !== null && turn.number >= cut.number) turn.isVisible = false;

  const asAuto = !isBusy && (mode === "collect" || mode === "reject" || (mode === "interrupt" && waited === 0));
  const applied = asAuto ? "auto" : mode;
  const isAlone = draft.isInvoke || draft.edits !== undefined;
  const message: Message = { id: "", turnId: "", mode: applied, isAlone, from: draft.from, state: "queued", turn: null, isLate: false };
  c.messages.push(message);
  const told = (action: Said["action"], position: number): ReturnType<typeof submit> => ({
    answer: { action, mode: applied, askedMode: mode, position, queueDepth: c.queue.length },
    message,
  });
  // The stopped turn has not ended yet: this is the next explicit action.
  if (isBusy && mode !== "queue") c.held = false;

  if (runs) {
    begin(c, message);
    return told("started", 0);
  }
  if (mode === "steer") {
    steer(c, message);
    return told("steering", 0);
  }
  c.queue.splice(isFirst ? 0 : c.queue.length, 0, message);
  if (mode === "interrupt") return interrupt(c) ? told("started", 0) : told("queued", 1);
  if (!isBusy && mode !== "queue") beginNext(c);
  else if (!isBusy && !c.held && c.due === "never") c.due = "later";
  return told("queued", c.queue.length);
}

/** Handed to the turn under way; whoever waits for a card has been told how to go on. */
function steer(c: Conversation, message: Message): void {
  message.turn = c.current;
  c.steers.push(message);
  if (c.state !== "paused") return;
  closeCards(c, "superseded");
  resume(c);
}

/** True where nobody runs the turn under way: it ends here, and the message begins with that. That a user stopped it outranks this. */
function interrupt(c: Conversation): boolean {
  c.stop ??= "superseded";
  if (c.state === "running") return false;
  endTurn(c, c.stop);
  return true;
}

function turnToCut({ message, isVersionRight }: Required<Draft>["edits"]): Turn | ErrorCode {
  if (message.state === "cancelled" || message.state === "expired") return "not_found";
  if (message.state === "queued" || message.turn === null) return "message_still_waiting";
  return isVersionRight && message.turn.isVisible ? message.turn : "version_mismatch";
}
