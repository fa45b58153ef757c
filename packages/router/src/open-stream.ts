import { GatewayError } from "@parley/contracts";
import type { Context } from "./context.ts";

interface Opening<Item> {
  ctx: Context;
  /** Aborts when the caller leaves. */
  leaving: AbortSignal | undefined;
  /** Yields until it has nothing more to say; what it waits for must end when `streaming` aborts. */
  items(streaming: AbortSignal): AsyncGenerator<Item, void>;
}

/**
 * A subscription's items, as long as the gateway lets the stream live. Returning means that the subscription is complete.
 * Where the gateway ends it earlier it throws: `stream_ended` (lifetime over, shutdown) is an end to resume from,
 * `unauthenticated` (credential revoked) is not.
 */
export async function* openStream<Item>({ ctx, leaving, items }: Opening<Item>): AsyncGenerator<Item, void> {
  const stream = ctx.openStream(leaving);
  try {
    yield* items(stream.signal);
    const refusal = stream.refusal();
    if (refusal && !leaving?.aborted) throw refusal;
  } catch (error) {
    if (leaving?.aborted) return;
    throw stream.refusal() ?? error;
  } finally {
    stream.close();
  }
}

/** Thrown where a log's events stopped before the subscription was complete. */
export const endedEarly = (): GatewayError => new GatewayError("stream_ended");
