import type { EventType, LogEvent } from "@parley/contracts";

/** Reads events until one satisfies `isLast`, that one included. Fails when the stream ends before. */
export async function collectUntil(events: AsyncIterable<LogEvent>, isLast: (event: LogEvent) => boolean): Promise<LogEvent[]> {
  const seen: LogEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (isLast(event)) return seen;
  }
  throw new Error(`The stream ended after ${seen.map((event) => event.type).join(", ") || "nothing"}.`);
}

/** Until a turn has ended and no other follows it. */
export const untilRest = (events: AsyncIterable<LogEvent>): Promise<LogEvent[]> =>
  collectUntil(events, (event) => "more" in event.data && !event.data.more);

export const typesOf = (events: LogEvent[]): EventType[] => events.map((event) => event.type);
