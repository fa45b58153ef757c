import { refusalOf } from "@parley/client";
import type { LogEvent } from "@parley/contracts";
import { createRestClient, type RestEvent } from "@parley/testkit";
import type { Stage } from "./open-stage.ts";
import { readFrames } from "./read-frames.ts";

export type Door = "rest" | "sse" | "websocket";

/** A reader's place in a conversation: all that it was told, in the words of its door. */
export interface Reading {
  conversationId: string;
  door: Door;
  /** Of the typed client. */
  events: LogEvent[];
  /** Of the REST door. */
  frames: RestEvent[];
  /** When each of them came; ms since 1970. */
  heardAtMs: number[];
  /** Where it would go on. */
  cursor(): string | null;
  /** How often its place was none any more, and it began at the start again. */
  begunAnew: number;
  /** Why it gave up; null while all is well. */
  failure: string | null;
  close(): Promise<void>;
}

interface Place {
  conversationId: string;
  agentId: string;
  door: Door;
}

/** Follows a conversation from its start until it is closed, and comes back after every cut from where it was. */
export function followAlong(stage: Stage, { conversationId, agentId, door }: Place): Reading {
  const leaving = new AbortController();
  const { signal } = leaving;
  const reading: Reading = {
    conversationId,
    door,
    events: [],
    frames: [],
    heardAtMs: [],
    cursor: () => reading.events.at(-1)?.cursor ?? reading.frames.at(-1)?.id ?? null,
    begunAnew: 0,
    failure: null,
    async close() {
      leaving.abort();
      await over;
    },
  };
  const read = door === "rest" ? readRest(stage, { reading, agentId, signal }) : readClient(stage, { reading, door, signal });
  const over = read.catch((error: unknown) => {
    if (!signal.aborted) reading.failure = String(error);
  });
  return reading;
}

async function readClient(stage: Stage, { reading, door, signal }: { reading: Reading; door: "sse" | "websocket"; signal: AbortSignal }) {
  while (!signal.aborted) {
    try {
      for await (const item of stage.clients[door].follow({ conversationId: reading.conversationId as never }, { signal })) {
        // The client's printed types allow a member to be undefined where ours has it absent; JSON knows only the latter.
        reading.events.push(item as LogEvent);
        reading.heardAtMs.push(Date.now());
      }
    } catch (error) {
      // Its cursor is of an epoch that a crash of Postgres has taken back: it begins anew.
      if (refusalOf(error)?.code !== "invalid_cursor") throw error;
      reading.begunAnew += 1;
      reading.events.length = 0;
      reading.heardAtMs.length = 0;
    }
  }
}

async function readRest(
  { balancer, slot }: Stage,
  { reading, agentId, signal }: { reading: Reading; agentId: string; signal: AbortSignal },
) {
  const rest = createRestClient(balancer.url, slot.apiKey);
  const path = `/v1/agents/${agentId}/gateway/conversations/${reading.conversationId}/events`;
  await readFrames(reading, {
    open: (headers) => rest.stream(path, { signal, headers }),
    isOver: () => signal.aborted,
  });
}
