import { isDeepStrictEqual } from "node:util";
import { type Cursor, compareCursors, isDurable, type LogEvent } from "@parley/contracts";
import type { RestEvent } from "@parley/testkit";
import { durableFrames } from "../support/durable-frames.ts";
import type { Told } from "./connect.ts";
import type { Segment } from "./hop-reader.ts";

/** What a reader that was never cut was told, by either door. */
export interface Uncut {
  events: LogEvent[];
  /** Each with the cursor of the fact that it tells, where that is told by two frames. */
  frames: { fact: string; frame: RestEvent }[];
}

const eventsOf = (told: Told[]): LogEvent[] => told.flatMap((one) => (one.door === "trpc" ? [one.event] : []));
const framesOf = (told: Told[]): RestEvent[] => told.flatMap((one) => (one.door === "rest" ? [one.event] : []));

/** A snapshot stands for text, and is told only to those who miss some. */
export const durableOf = (events: LogEvent[]): LogEvent[] => events.filter(({ type }) => isDurable(type) && type !== "turn.snapshot");

/** Two frames tell one fact, and only the second bears its cursor. */
const PAIRS: Record<string, string> = {
  task_updated: "turn_started",
  sub_agent_trigger: "sub_task_created",
  task_finished: "turn_finished",
};

export function uncutOf({ trpc, rest }: { trpc: Told[]; rest: Told[] }): Uncut {
  const frames = durableFrames(framesOf(rest));
  return {
    events: durableOf(eventsOf(trpc)),
    frames: frames.map((frame, index) => {
      const next = frames[index + 1];
      const isFirst = next !== undefined && PAIRS[frame.type] === next.type;
      return { fact: String(isFirst ? next.id : frame.id), frame };
    }),
  };
}

const isAfter = (cursor: string, after: string | null): boolean => after === null || compareCursors(cursor as Cursor, after as Cursor) > 0;

/** What is wrong with one connection's durable part: it must be that of the uncut reader from where it went on to where it broke. */
export function faultsOf({ after, told, transport, replica }: Segment, uncut: Uncut): string[] {
  const last = told.at(-1)?.cursor ?? null;
  if (last === null) return [];
  const isWithin = (cursor: string): boolean => isAfter(cursor, after) && !isAfter(cursor, last);
  const where = `over ${transport} at ${replica} from ${after} to ${last}`;
  if (transport !== "rest") {
    const due = uncut.events.filter(({ cursor }) => isWithin(cursor));
    return differences(durableOf(eventsOf(told)), due, where);
  }
  const frames = durableFrames(framesOf(told));
  const due = uncut.frames.filter(({ fact }) => isAfter(fact, after)).map(({ frame }) => frame);
  const whole = uncut.frames.filter(({ fact }) => isWithin(fact)).length;
  // It may have broken between the two frames of one fact.
  return differences(frames, due.slice(0, Math.max(whole, Math.min(frames.length, whole + 1))), where);
}

export function differences(real: object[], due: object[], where: string): string[] {
  if (isDeepStrictEqual(real, due)) return [];
  const index = real.findIndex((one, place) => !isDeepStrictEqual(one, due[place]));
  const place = index === -1 ? real.length : index;
  return [`${where}, event ${place} of ${due.length}: ${JSON.stringify(real[place])} instead of ${JSON.stringify(due[place])}`];
}
