import type { Scenario } from "../harness/bench.ts";
import { atMost, type Line } from "../harness/line.ts";

const MEBIBYTE = 1_048_576;

/** S8: how long the front process took to be healthy, and what processes weigh before anyone has called. Runs first. */
export const start: Scenario = async ({ targets, ours }) => {
  const startedIn = new Map<string, number>();
  const weight = new Map<string, number>();
  for (const { name, front } of targets) {
    if (front === null) continue;
    startedIn.set(name, front.startedInMs);
    weight.set(name, (await front.residentBytes()) / MEBIBYTE);
  }
  const lines: Line[] = [
    { goal: "S8", what: "start to healthy, ms", values: startedIn, decimals: 0, limits: [atMost(1_000, "1 s")] },
    { goal: "S8", what: "front process idle, MiB", values: weight, decimals: 0, limits: [atMost(150, "150 MiB")] },
  ];
  if (ours === null) return lines;
  const worker = new Map([["ours", (await ours.worker.residentBytes()) / MEBIBYTE]]);
  return [...lines, { goal: "S8", what: "worker idle, MiB", values: worker, decimals: 0, limits: [atMost(150, "150 MiB")] }];
};
