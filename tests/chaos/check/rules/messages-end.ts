import { markerOf } from "../../trial/ledger.ts";
import { eventsOf, type Facts, grouped, type Rule } from "../facts.ts";

const FINAL = new Set(["done", "merged", "cancelled", "expired"]);
const TAKES_OUT = new Set(["cancel", "clear", "expire"]);
const TURN_ENDS = ["turn.completed", "turn.failed", "turn.stopped"] as const;

/** The turns that a message was told to be run in: its own, the one it was merged into, those it was handed to. */
function runsOf(facts: Facts, messageId: string, turnId: string): string[] {
  const created = eventsOf(facts, "turn.created").filter(
    (event) => event.turnId === turnId || event.data.merged?.some((message) => message.messageId === messageId),
  );
  const steered = eventsOf(facts, "steer.applied").filter(({ data }) => data.messageId === messageId);
  return [...created, ...steered].map((event) => event.turnId ?? "");
}

/** Every message that was accepted is there once, and has ended once, where a reader of the log can see it. */
export const messagesEnd: Rule = (facts) => {
  const { ledger, messages } = facts;
  const wrong: string[] = [];
  const byName = grouped(messages, ({ text }) => markerOf(text));
  const ended = new Set(eventsOf(facts, ...TURN_ENDS).map(({ turnId }) => turnId));
  const updates = eventsOf(facts, "queue.updated");

  for (const { messageId, turnId, conversationId, text } of ledger.accepted) {
    const rows = byName.get(markerOf(text)) ?? [];
    const [row] = rows;
    if (row === undefined) wrong.push(`message ${messageId} was accepted and is not there`);
    else if (rows.length > 1) wrong.push(`message ${messageId} is there ${rows.length} times`);
    else if (row.id !== messageId || row.turnId !== turnId || row.conversationId !== conversationId) {
      wrong.push(`message ${messageId} was accepted as another one than ${row.id}`);
    }
  }
  for (const { text, code } of ledger.refused)
    if (byName.has(markerOf(text))) wrong.push(`a message was refused with ${code} and kept: ${text}`);
  for (const id of ledger.cancelled) {
    const state = messages.find((message) => message.id === id)?.state;
    if (state !== "cancelled") wrong.push(`message ${id} was cancelled by its caller and is ${state ?? "gone"}`);
  }
  for (const { id, state, turnId, conversationId } of messages) {
    if (!FINAL.has(state)) wrong.push(`message ${id} is still ${state}`);
    const runs = runsOf(facts, id, turnId);
    if (runs.length > 1) wrong.push(`message ${id} was run ${runs.length} times, in ${runs.join(", ")}`);
    const isRun = runs.some((turn) => ended.has(turn));
    if ((state === "done" || state === "merged") && !isRun) wrong.push(`message ${id} is ${state}, and no event says how its turn ended`);
    if (state !== "cancelled" && state !== "expired") continue;
    if (runs.length > 0) wrong.push(`message ${id} is ${state} and was run`);
    const isTold = updates.some(({ conversationId: of, data }) => {
      if (of !== conversationId || !TAKES_OUT.has(data.action)) return false;
      return data.messageId === id || data.messageIds?.includes(id);
    });
    if (!isTold) wrong.push(`message ${id} is ${state}, and no event says so`);
  }
  return wrong;
};
