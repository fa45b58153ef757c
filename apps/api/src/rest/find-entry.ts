import {
  type Cursor,
  cardId as cardIdSchema,
  compareCursors,
  cursor as cursorSchema,
  isGatewayError,
  makeCursor,
  parseCursor,
} from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";

interface Place {
  conversationId: string;
  /** As the activity thread has it. */
  entryId: string;
}

/** Whether the thread has an entry of that id that nobody sent as a message: cards have ids of their own, all others their fact's cursor. */
export async function hasOtherEntry(gateway: Gateway, caller: Caller, { conversationId, entryId }: Place): Promise<boolean> {
  const cardId = cardIdSchema.safeParse(entryId);
  if (cardId.success) return hasCard(gateway, caller, { conversationId, cardId: cardId.data });
  const cursor = cursorSchema.safeParse(entryId);
  return cursor.success && hasFact(gateway, caller, { conversationId, cursor: cursor.data });
}

async function hasCard(gateway: Gateway, caller: Caller, card: { conversationId: string; cardId: string }): Promise<boolean> {
  try {
    await gateway.getCard(caller, card);
    return true;
  } catch (error) {
    if (isGatewayError(error, "not_found")) return false;
    throw error;
  }
}

async function hasFact(gateway: Gateway, caller: Caller, { conversationId, cursor }: { conversationId: string; cursor: Cursor }) {
  const { epoch, n } = parseCursor(cursor);
  const { cursor: head } = await gateway.getRunState(caller, conversationId);
  if (n === 0 || compareCursors(cursor, head as Cursor) > 0) return false;
  const done = new AbortController();
  try {
    const after = makeCursor({ epoch, n: n - 1 });
    const { events } = await gateway.followConversation(caller, { conversationId, after, signal: done.signal });
    for await (const event of events) return event.cursor === cursor;
    return false;
  } finally {
    done.abort();
  }
}
