import { type Cursor, compareCursors, GatewayError, START } from "@parley/contracts";
import type { LogPage } from "./log-store.ts";

/**
 * Throws `invalid_cursor` for a reader that would pass over events that are gone: retention has removed some after its
 * place, or the place is in a conversation that was deleted and made anew under the same id.
 */
export function checkKept(position: Cursor, { trimmed, events: [next] }: Pick<LogPage, "trimmed" | "events">): void {
  const isOfAnother = position !== START && next?.previous === START;
  if (!isOfAnother && compareCursors(position, trimmed) >= 0) return;
  throw new GatewayError("invalid_cursor", { text: "What came after this cursor is not kept any more: start without one." });
}
