import { setTimeout as sleep } from "node:timers/promises";
import { forgetRedis, type System, startSystem } from "@parley/testkit";
import { seededRandom } from "../support/seeded-random.ts";
import type { Segment } from "./hop-reader.ts";
import { runTrial } from "./run-trial.ts";
import { openScript } from "./script.ts";

export interface Hops {
  trials: number;
  /** Connections that broke, each followed by another. */
  cuts: number;
  /** How often a reader went from one transport to another, and from one replica to the other. */
  transportsChanged: number;
  replicasChanged: number;
  flushes: number;
  kills: number;
  faults: string[];
}

interface Running {
  /** Of the first trial; each next one has the next. */
  seed: number;
  /** Goes on until there were so many. */
  cutsMin: number;
}

/** Conversations at a time. */
const TOGETHER = 4;
const LEASE_MS = 2_000;

/** Trials until there were enough cuts; while every second group of them runs, Redis forgets everything and a worker is killed. */
export async function runHops({ seed, cutsMin }: Running): Promise<Hops> {
  const hops: Hops = { trials: 0, cuts: 0, transportsChanged: 0, replicasChanged: 0, flushes: 0, kills: 0, faults: [] };
  const system = await startSystem({ apis: 2, workers: 2, leaseMs: LEASE_MS });
  try {
    const agentId = await openScript(system);
    for (let group = 0; hops.cuts < cutsMin; group += 1) {
      const seeds = Array.from({ length: TOGETHER }, (_, index) => seed + group * TOGETHER + index);
      const trials = Promise.all(seeds.map((one) => runTrial(system, agentId, one)));
      const [results] = await Promise.all([trials, group % 2 === 1 ? trouble(system, seededRandom(seed + group), hops) : null]);
      for (const { readings, faults } of results) {
        hops.trials += 1;
        hops.faults.push(...faults);
        for (const segments of readings) count(hops, segments);
      }
    }
    return hops;
  } finally {
    await system.close();
  }
}

/** At moments drawn by chance Redis is emptied twice, and one of the workers dies and comes back. */
async function trouble(system: System, random: () => number, hops: Hops): Promise<void> {
  const { REDIS_URL: url = "", REDIS_PREFIX: prefix = "" } = system.environment;
  const flush = async (): Promise<void> => {
    await sleep(random() * 3_000);
    await forgetRedis(url, prefix);
    hops.flushes += 1;
  };
  await flush();
  await sleep(random() * 2_000);
  const worker = system.workers[Math.floor(random() * system.workers.length)];
  await worker?.kill();
  hops.kills += 1;
  await worker?.restart();
  await flush();
}

function count(hops: Hops, segments: Segment[]): void {
  hops.cuts += segments.length - 1;
  for (const [index, { transport, replica }] of segments.entries()) {
    const before = segments[index - 1];
    if (before === undefined) continue;
    if (before.transport !== transport) hops.transportsChanged += 1;
    if (before.replica !== replica) hops.replicasChanged += 1;
  }
}
