import { GatewayError, type LogEvent } from "@parley/contracts";
import type { Following } from "@parley/domain";
import { tracked } from "@trpc/server";

interface FollowLog {
  following: Pick<Following, "events">;
  /** Whether nothing more is to come after this event. */
  endsWith(event: LogEvent): boolean;
  leaving: AbortSignal;
}

/**
 * A log's events under their cursors, until `endsWith` or until the caller leaves. Returning says that all has been
 * told; a stream that ends before, because its lifetime is over, throws `stream_ended`, which clients resume from.
 */
export async function* followLog({ following, endsWith, leaving }: FollowLog) {
  for await (const event of following.events) {
    yield tracked(event.cursor, event);
    if (endsWith(event)) return;
  }
  if (!leaving.aborted) throw new GatewayError("stream_ended");
}
