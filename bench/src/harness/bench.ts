import type { Ours } from "../targets/ours.ts";
import type { StartedOurs } from "../targets/start-ours.ts";
import type { Line } from "./line.ts";
import type { Target } from "./target.ts";

/** What a scenario gets: who is measured, and how long. */
export interface Bench {
  targets: readonly Target[];
  /** Null when it was left out. */
  ours: Ours | null;
  /** Queues runs on a thread as we queue messages; null unless peers are measured. */
  langGraph: QueueingPeer | null;
  redisUrl: string;
  /** The scripted model, without `/v1`. */
  upstreamUrl: string;
  /** Another of the product, with a database of its own; ended by whoever started it. */
  startAnother(name: string, settings?: Record<string, string>): Promise<StartedOurs>;
  rounds: number;
  /** Divides the work of each round: 1 for a full run, more for a quick look. */
  thinning: number;
  idleStreams: number;
  silenceMs: number;
}

/** Someone with conversations whose queued turns follow one another. */
export interface QueueingPeer {
  name: string;
  /** Queues `turns` behind a running one; answers the ms from each turn's end to the next one's start, as a client sees them. */
  handOver(turns: number): Promise<number[]>;
}

export type Scenario = (bench: Bench) => Promise<Line[]>;
