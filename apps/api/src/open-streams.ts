import { GatewayError } from "@parley/contracts";
import type { OpenStream } from "@parley/router";

export interface OpenStreams {
  /** Counts what is opened through one door. */
  through(door: string): OpenStream;
}

interface Settings {
  /** Of one principal, through all doors of the process. */
  perCallerMax: number;
  /** Returns what is called when the stream is over. */
  onOpen(door: string): () => void;
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

/** Counts the process's open streams by their callers, so that none has them without end. */
export function createOpenStreams({ perCallerMax, onOpen }: Settings): OpenStreams {
  const counts = new Map<string, number>();
  return {
    through:
      (door) =>
      ({ organizationId, principalId }) => {
        const caller = `${organizationId} ${principalId}`;
        const count = counts.get(caller) ?? 0;
        if (count >= perCallerMax) throw new GatewayError("too_many_streams");
        counts.set(caller, count + 1);
        const closed = onOpen(door);
        return once(() => {
          closed();
          const left = (counts.get(caller) ?? 0) - 1;
          if (left > 0) counts.set(caller, left);
          else counts.delete(caller);
        });
      },
  };
}

/** The same for one socket, which bears at most `max` of them. */
export function atMost(max: number, openStream: OpenStream): OpenStream {
  let count = 0;
  return (caller) => {
    if (count >= max) throw new GatewayError("too_many_streams", { text: "Too many subscriptions are open on this socket." });
    const close = openStream(caller);
    count++;
    return once(() => {
      count--;
      close();
    });
  };
}
