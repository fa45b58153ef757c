import { type Cursor, conversationId, cursor, GatewayError, messageId, type SubmitResult, turnId } from "@parley/contracts";

/** Where a turn's stream stands: its message, where the log stood before that, and what was told last. */
export type TurnCursor = Pick<SubmitResult, "conversationId" | "messageId" | "turnId" | "cursor"> & { seen: Cursor };

const SEPARATOR = "_";

export const writeTurnCursor = ({ conversationId, messageId, turnId, cursor, seen }: TurnCursor): string =>
  [conversationId, messageId, turnId, cursor, seen].join(SEPARATOR);

/** Throws `invalid_cursor`: beginning a turn because of a number that cannot be read would be the worse surprise. */
export function readTurnCursor(text: string): TurnCursor {
  const [conversation, message, turn, start, last] = text.split(SEPARATOR);
  const parts = [
    conversationId.safeParse(conversation),
    messageId.safeParse(message),
    turnId.safeParse(turn),
    cursor.safeParse(start),
    cursor.safeParse(last),
  ] as const;
  const [a, b, c, d, e] = parts;
  if (!a.success || !b.success || !c.success || !d.success || !e.success) throw new GatewayError("invalid_cursor");
  return { conversationId: a.data, messageId: b.data, turnId: c.data, cursor: d.data, seen: e.data };
}
