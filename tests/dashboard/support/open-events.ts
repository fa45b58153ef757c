import { setTimeout as sleep } from "node:timers/promises";
import { eventFrames, type Frame } from "@parley/testkit";

/** One open `/api/events`, or another stream of named events. */
export interface EventStream {
  status: number;
  headers: Headers;
  /** Everything that came so far, oldest first. */
  readonly frames: Frame[];
  /** Waits until a frame fits, and gives its data. */
  hear(event: string, fits?: (data: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** The numbers of all frames of events, in order. */
  ids(): number[];
  /** Waits until the gateway has ended the stream. */
  readonly ended: Promise<void>;
  cut(): void;
}

/** An event waits for every transaction of the server, also for those by which other tests make and drop their databases. */
const HEAR_MS = 60_000;
const LOOK_MS = 5;
const OWN: ReadonlySet<string | null> = new Set(["retry", "ping", null]);

export const dataOf = ({ data }: Frame): Record<string, unknown> => (data === "" ? {} : (JSON.parse(data) as Record<string, unknown>));

export async function openEvents(url: string, apiKey: string | null, request: RequestInit & { path?: string } = {}): Promise<EventStream> {
  const { path = "/api/events", headers, ...rest } = request;
  const leaving = new AbortController();
  const key = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  const response = await fetch(`${url}${path}`, { ...rest, headers: { ...key, ...headers }, signal: leaving.signal });
  const frames: Frame[] = [];
  async function read(): Promise<void> {
    if (response.body === null) return;
    for await (const frame of eventFrames(response.body)) frames.push(frame);
  }
  const ended = read().catch(() => {});
  return {
    status: response.status,
    headers: response.headers,
    frames,
    async hear(event, fits = () => true) {
      for (const endMs = Date.now() + HEAR_MS; Date.now() < endMs; await sleep(LOOK_MS)) {
        const found = frames.find((frame) => frame.event === event && fits(dataOf(frame)));
        if (found) return dataOf(found);
      }
      const heard = frames.slice(-20).map((frame) => `${frame.id} ${frame.event} ${frame.data.slice(0, 120)}`);
      throw new Error(`No ${event} came. Heard last:\n${heard.join("\n")}`);
    },
    ids: () => frames.filter(({ event, id }) => id !== null && !OWN.has(event)).map(({ id }) => Number(id)),
    ended,
    cut: () => leaving.abort(),
  };
}
