import type { System } from "@parley/testkit";
import { seededRandom } from "../support/seeded-random.ts";
import { connect, type Told, TRANSPORTS, type Transport } from "./connect.ts";

/** What a reader was told over one connection. */
export interface Segment {
  transport: Transport;
  replica: number;
  /** Where it went on from; null from the start. */
  after: string | null;
  told: Told[];
}

export interface Reading {
  system: System;
  agentId: string;
  conversationId: string;
  isLast(told: Told): boolean;
}

/** Half of the cuts come within the next few frames, in the middle of things; the others let a while go by. */
const BYTES_FEW = 1_500;
const BYTES_MANY = 16_000;

/** Reads to the last event, cut `cutsMax` times at random points, each time to go on by a random transport at a random replica. */
export async function readHopping(reading: Reading, { seed, cutsMax }: { seed: number; cutsMax: number }): Promise<Segment[]> {
  const random = seededRandom(seed);
  const segments: Segment[] = [];
  for (;;) {
    const transport = TRANSPORTS[Math.floor(random() * TRANSPORTS.length)] ?? "rest";
    const replica = Math.floor(random() * reading.system.apis.length);
    const bytes = Math.ceil(random() * (random() < 0.5 ? BYTES_FEW : BYTES_MANY));
    const isLast = await readSegment(reading, segments, { transport, replica, bytesMax: segments.length < cutsMax ? bytes : Infinity });
    if (isLast) return segments;
  }
}

/** Reads to the last event over one connection that stays. */
export async function readUncut(reading: Reading, transport: Transport): Promise<Told[]> {
  const segments: Segment[] = [];
  await readSegment(reading, segments, { transport, replica: 0, bytesMax: Infinity });
  return segments.flatMap(({ told }) => told);
}

/** Adds one segment; true where it reached the last event. */
async function readSegment(
  { system, agentId, conversationId, isLast }: Reading,
  segments: Segment[],
  { transport, replica, bytesMax }: Pick<Segment, "transport" | "replica"> & { bytesMax: number },
): Promise<boolean> {
  const after = segments.findLast(({ told }) => told.length > 0)?.told.at(-1)?.cursor ?? null;
  const told: Told[] = [];
  segments.push({ transport, replica, after, told });
  const { url } = system.apis[replica] ?? { url: "" };
  for await (const one of connect({ transport, url, apiKey: system.ours.apiKey, agentId, conversationId, after, bytesMax })) {
    told.push(one);
    if (isLast(one)) return true;
  }
  return false;
}
