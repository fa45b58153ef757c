import { setTimeout as sleep } from "node:timers/promises";
import { at, type RestEvent } from "@parley/testkit";

interface Frames {
  frames: RestEvent[];
  /** When each of them came; ms since 1970. */
  heardAtMs: number[];
}

interface Reader {
  /** Asks for the stream with these headers: `Last-Event-ID`, once there is something to go on from. */
  open(headers: Record<string, string>): AsyncIterable<RestEvent>;
  /** Asked after every stream's end, however it came about. */
  isOver(): boolean;
}

const PAUSE_MS = 100;

/** Reads what the REST door tells, and comes back after every cut. Throws where the gateway will not have it back. */
export async function readFrames({ frames, heardAtMs }: Frames, { open, isOver }: Reader): Promise<void> {
  while (!isOver()) {
    const after = frames.at(-1)?.id;
    try {
      for await (const frame of open(typeof after === "string" ? { "last-event-id": after } : {})) {
        if (frame.type === "connected") continue;
        if (frame.type === "error" && at(frame.data, "retry") !== true) throw new Refused(JSON.stringify(frame.data));
        if (frame.type === "error") continue;
        frames.push(frame);
        heardAtMs.push(Date.now());
      }
    } catch (error) {
      if (error instanceof Refused || / answered 4/.test(String(error))) throw error;
    }
    if (!isOver()) await sleep(PAUSE_MS);
  }
}

class Refused extends Error {}
