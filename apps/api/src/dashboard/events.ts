import { activityCursor, grants } from "@parley/contracts";
import type { FollowingActivity } from "@parley/domain";
import type { ConfigPatched } from "@parley/settings";
import { NamedStream, namedFrame } from "../named-stream.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { Call, Handler } from "./call.ts";
import { createProcessMetrics } from "./process-metrics.ts";

const RETRY_MS = 3_000;
const METRICS_MS = 30_000;

/** What a client saw last. One that says what no stream has given is told what happens from now on. */
function seenBy({ request }: Call): number | undefined {
  const seen = activityCursor.safeParse(request.headers["last-event-id"]);
  return seen.success ? seen.data : undefined;
}

/** The first frame stands where the stream begins: a client that is cut before anything has happened misses nothing either. */
const opening = ({ cursor, isTrimmed }: FollowingActivity): string =>
  `event: retry\ndata: \nid: ${cursor}\nretry: ${RETRY_MS}\n\n${isTrimmed ? namedFrame("activity:trimmed", { keptAfter: cursor }) : ""}`;

/** Which settings this process has taken up, or will at its next start; what they are is the operator's to know. */
const patchedFrames = ({ by, changes }: ConfigPatched): string[] =>
  changes.map(({ path, takesEffect }) => {
    const [section = "", ...key] = path.split(".");
    const patchedBy = by === "file" ? "file" : "operator";
    return namedFrame("config:patched", { section, key: key.join("."), patchedBy, takesEffect, timestamp: Date.now() });
  });

/** `GET /api/events`: what happens in the caller's organization. */
export function eventsHandler(): Handler {
  let readMetrics: ReturnType<typeof createProcessMetrics> | undefined;
  const metricsFrame = (): string => {
    readMetrics ??= createProcessMetrics();
    return namedFrame("observability:metrics", readMetrics());
  };
  return async (door, call) => {
    const { caller, response, credential } = call;
    const close = door.openStream(caller);
    const stream = new NamedStream({ response, credential, ping: namedFrame("ping"), farewell: () => "" });
    let telling: NodeJS.Timeout | undefined;
    let unlisten: (() => void) | undefined;
    try {
      const following = await door.gateway.followActivity(caller, { after: seenBy(call), signal: stream.signal });
      stream.open(door.attachments, opening(following));
      if (grants(caller.scopes, "admin")) {
        unlisten = door.keeper?.onPatched((patched) => {
          for (const frame of patchedFrames(patched)) void stream.send(frame);
        });
        await stream.send(metricsFrame());
        telling = setInterval(() => {
          if (!response.writableNeedDrain) void stream.send(metricsFrame());
        }, METRICS_MS);
      }
      for await (const { id, type, payload } of following.events) await stream.send(namedFrame(type, payload, String(id)));
      stream.end();
    } catch (error) {
      const refusal = toGatewayError(error, door.log);
      if (!response.headersSent) throw refusal;
      // The client comes back and goes on after what it saw last.
      response.destroy();
    } finally {
      unlisten?.();
      clearInterval(telling);
      close();
    }
  };
}
