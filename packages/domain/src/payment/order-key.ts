import type { GatewayContext } from "../gateway-ports.ts";
import { hashInput } from "../idempotency/hash-input.ts";
import type { Once } from "../idempotency/repeat-store.ts";

/**
 * The service keeps its first answer under it, and refuses another order for ever: what has changed since the call was made first, as who is its customer, is
 * asked for under another.
 */
export const orderKey = (context: Pick<GatewayContext, "hashBody">, order: object, once: Once | undefined): string | null =>
  once === undefined ? null : hashInput(context, { ...once, order });
