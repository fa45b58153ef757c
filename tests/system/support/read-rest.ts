import type { RestEvent } from "@parley/testkit";

export const isType =
  (...types: string[]) =>
  ({ type }: RestEvent): boolean =>
    types.includes(type);

export const typesOf = (events: RestEvent[]): string[] => events.map(({ type }) => type);

/** The text of one execution's chunks. */
export const textOf = (events: RestEvent[], taskId: string): string =>
  events.flatMap((event) => (event.type === "chunk" && event.taskId === taskId ? [String(event.data)] : [])).join("");

/** Reads on until one event satisfies `isLast`, that one included, and leaves the stream open. Throws when it ends before. */
export async function readUntil(stream: AsyncIterator<RestEvent, void>, isLast: (event: RestEvent) => boolean): Promise<RestEvent[]> {
  const seen: RestEvent[] = [];
  for (;;) {
    const { value } = await stream.next();
    if (!value) throw new Error(`The stream ended after ${typesOf(seen).join(", ") || "nothing"}.`);
    seen.push(value);
    if (isLast(value)) return seen;
  }
}

/** Until so many more pieces of text have come. */
export function readChunks(stream: AsyncIterator<RestEvent, void>, count: number): Promise<RestEvent[]> {
  let left = count;
  return readUntil(stream, ({ type }) => type === "chunk" && --left === 0);
}

/** Reads a stream to the end that the gateway gives it. */
export async function wholeStream(stream: AsyncIterable<RestEvent>): Promise<RestEvent[]> {
  const seen: RestEvent[] = [];
  for await (const event of stream) seen.push(event);
  return seen;
}
