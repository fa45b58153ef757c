import { type Client, createClient } from "@parley/client";
import { isTurnEnd, type LogEvent } from "@parley/contracts";
import { eventFrames, type RestEvent, type System, startTcpSwitch } from "@parley/testkit";
import { cutAfter } from "./cut-after.ts";
import { seededRandom } from "./seeded-random.ts";

/** What a reader saw that was cut off again and again, and how often it was. */
export interface CutReading<Event> {
  events: Event[];
  cuts: number;
}

interface Reading {
  system: System;
  agentId: string;
  conversationId: string;
  seed: number;
  /** Cut so often, at random points, each time to go on with the next replica. */
  cutsMax: number;
}

/** About six frames. */
const BYTES_MAX = 1_500;

/** Over REST: `GET .../events` with `Last-Event-ID`, on the replicas in turn. */
export async function readCutOverRest({ system, agentId, conversationId, seed, cutsMax }: Reading): Promise<CutReading<RestEvent>> {
  const random = seededRandom(seed);
  const events: RestEvent[] = [];
  let cuts = 0;
  for (let connection = 0; ; connection++) {
    const url = `${system.apis[connection % system.apis.length]?.url}/v1/agents/${agentId}/gateway/conversations/${conversationId}/events`;
    const after = events.at(-1)?.id;
    const headers = { "x-api-key": system.ours.apiKey, ...(after && { "last-event-id": after }) };
    const response = await fetch(url, { headers });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    const bytesMax = cuts < cutsMax ? Math.ceil(random() * BYTES_MAX) : Number.POSITIVE_INFINITY;
    const isCut = () => void cuts++;
    for await (const { id, data } of eventFrames(cutAfter(response.body, bytesMax, isCut))) {
      const event = JSON.parse(data) as { type: string; task_id: string; data: { more?: boolean } };
      if (event.type === "connected") continue;
      events.push({ id, type: event.type, taskId: event.task_id, data: event.data });
      if (event.type === "turn_finished" && event.data.more === false) return { events, cuts };
    }
  }
}

const isRest = (event: LogEvent): boolean => isTurnEnd(event.type) && "more" in event.data && !event.data.more;

/** Everything that the typed client tells until the conversation rests. */
export async function readToRest(client: Client, conversationId: string, onEvent?: () => void): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for await (const item of client.follow({ conversationId: conversationId as never })) {
    // The client's printed types allow a member to be undefined where ours has it absent; JSON knows only the latter.
    const event = item as LogEvent;
    events.push(event);
    onEvent?.();
    if (isRest(event)) return events;
  }
  throw new Error("The client's stream ended before the conversation rested.");
}

/** With the typed client, which comes back by itself, through a balancer that cuts it. */
export async function readCutByClient(reading: Reading, transport: "sse" | "websocket"): Promise<CutReading<LogEvent>> {
  const { system, conversationId, seed, cutsMax } = reading;
  const random = seededRandom(seed);
  const balancer = await startTcpSwitch(system.apis.map(({ url }) => url));
  const client = createClient({ url: balancer.url, apiKey: system.ours.apiKey, transport });
  const nextGap = () => Math.ceil(random() * 4);
  let cuts = 0;
  let gap = nextGap();
  const onEvent = (): void => {
    if (cuts === cutsMax || --gap > 0) return;
    cuts++;
    gap = nextGap();
    balancer.cut();
  };
  try {
    return { events: await readToRest(client, conversationId, onEvent), cuts };
  } finally {
    await client.close();
    await balancer.close();
  }
}
