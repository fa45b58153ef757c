/**
 * Measures the product beside its floor, its limits and its peers, all in one run on one machine, and ends with 1 where
 * a goal is missed. The figures are ratios of what was measured a moment apart; absolute times show the order of size.
 */
import { readConfig } from "./config.ts";
import type { Scenario } from "./harness/bench.ts";
import type { Line } from "./harness/line.ts";
import { printLines } from "./harness/print-lines.ts";
import { startEveryone } from "./harness/start-everyone.ts";
import { connected } from "./scenarios/connected.ts";
import { debits } from "./scenarios/debits.ts";
import { directPath } from "./scenarios/direct-path.ts";
import { firstToken } from "./scenarios/first-token.ts";
import { growth } from "./scenarios/growth.ts";
import { handOver } from "./scenarios/hand-over.ts";
import { idle } from "./scenarios/idle.ts";
import { noisyNeighbour } from "./scenarios/noisy-neighbour.ts";
import { paced } from "./scenarios/paced.ts";
import { start } from "./scenarios/start.ts";
import { stopChildren } from "./scenarios/stop-children.ts";
import { takeover } from "./scenarios/takeover.ts";
import { throughput } from "./scenarios/throughput.ts";

/** In this order: weights before any load, idle streams last, because the floor's silent turns go on behind them. */
const SCENARIOS: readonly (readonly [goal: string, scenario: Scenario])[] = [
  ["S8", start],
  ["S1", connected],
  ["S2", firstToken],
  ["S4", handOver],
  ["S3", throughput],
  ["S5", paced],
  ["S6", directPath],
  ["S9", stopChildren],
  ["S10", debits],
  ["T2", takeover],
  ["S11", growth],
  ["S12", noisyNeighbour],
  ["S7", idle],
];

const config = readConfig(process.argv.slice(2));
const everyone = await startEveryone(config);
const lines: Line[] = [];
const broken: string[] = [];
const interrupted = async () => {
  await everyone.stop();
  process.exit(130);
};
process.once("SIGINT", () => void interrupted());
process.once("SIGTERM", () => void interrupted());
try {
  for (const [goal, scenario] of SCENARIOS) {
    if (config.only !== null && !config.only.has(goal)) continue;
    const startedAt = performance.now();
    try {
      lines.push(...(await scenario({ ...everyone, ...config })));
    } catch (error) {
      // A scenario that breaks is a missed goal, not the end of the run.
      broken.push(`${goal}: ${error instanceof Error ? error.message : String(error)}`);
    }
    console.error(`${goal} took ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  }
} finally {
  await everyone.stop();
}

const missed = printLines(lines);
if (config.peers) console.log("\nLangGraph is its in-memory development server: nothing it does is durable.");
for (const failure of broken) console.log(`\nNot measured, ${failure}`);
console.log(`\n${config.rounds} interleaved rounds; ${missed} limits missed, ${broken.length} scenarios broken.`);
// Said aloud: the exit hook of the embedded server ends a process that merely runs out of work with 0.
process.exit(missed + broken.length > 0 ? 1 : 0);
