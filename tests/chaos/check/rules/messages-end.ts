import { eventsOf, grouped, type Rule } from "../facts.ts";

const FINAL = new Set(["done", "merged", "cancelled", "expired"]);
const TAKES_OUT = new Set(["cancel", "clear", "expire"]);
const TURN_ENDS = ["turn.completed", "turn.failed", "turn.stopped"] as const;

/** Every message that was accepted is there once, and has ended once, where a reader of the log can see it. */
export const messagesEnd: Rule = (facts) => {
  const { ledger, messages } = facts;
  const wrong: string[] = [];
  const byText = grouped(messages, ({ text }) => text);
  const ended = new Set(eventsOf(facts, ...TURN_ENDS).map(({ turnId }) => turnId));
  const started = new Set(eventsOf(facts, "turn.started").map(({ turnId }) => turnId));
  const updates = eventsOf(facts, "queue.updated");

  for (const { messageId, turnId, conversationId, text } of ledger.accepted) {
    const rows = byText.get(text) ?? [];
    const [row] = rows;
    if (row === undefined) wrong.push(`message ${messageId} was accepted and is not there`);
    else if (rows.length > 1) wrong.push(`message ${messageId} is there ${rows.length} times`);
    else if (row.id !== messageId || row.turnId !== turnId || row.conversationId !== conversationId) {
      wrong.push(`message ${messageId} was accepted as another one than ${row.id}`);
    }
  }
  for (const { text, code } of ledger.refused) if (byText.has(text)) wrong.push(`a message was refused with ${code} and kept: ${text}`);
  for (const id of ledger.cancelled) {
    const state = messages.find((message) => message.id === id)?.state;
    if (state !== "cancelled") wrong.push(`message ${id} was cancelled by its caller and is ${state ?? "gone"}`);
  }
  for (const { id, state, turnId, conversationId } of messages) {
    if (!FINAL.has(state)) wrong.push(`message ${id} is still ${state}`);
    if (state === "done" && !ended.has(turnId)) wrong.push(`message ${id} is done, and no event says how its turn ended`);
    if (state !== "cancelled" && state !== "expired") continue;
    if (started.has(turnId)) wrong.push(`message ${id} is ${state} and was run`);
    const isTold = updates.some(({ conversationId: of, data }) => {
      const { action, messageId, messageIds } = data as { action: string; messageId: string | null; messageIds?: string[] };
      if (of !== conversationId || !TAKES_OUT.has(action)) return false;
      return messageId === id || (messageIds ?? []).includes(id) || (action === "clear" && messageIds === undefined);
    });
    if (!isTold) wrong.push(`message ${id} is ${state}, and no event says so`);
  }
  return wrong;
};
