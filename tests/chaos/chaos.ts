import { parseArgs } from "node:util";
import { startTestServers } from "../../scripts/test/test-servers.ts";
import { startArena } from "./arena/start-arena.ts";
import { makePlan, type Plan } from "./plan/make-plan.ts";
import { reportLines, violationLines } from "./print-report.ts";
import { runTrials } from "./run-trials.ts";

const SLOTS = 8;
/** Kicks that are given again wait twice as long each time. */
const REST_MS = 60_000;
const PROGRESS_EVERY = 25;

const { values } = parseArgs({
  options: { trials: { type: "string", default: "200" }, seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});
const trials = Number(values.trials);
const firstSeed = Number(values.seed);
const print = (lines: string[]): void => void process.stdout.write(`${lines.join("\n")}\n`);

function* plans(): Generator<Plan> {
  for (let index = 0; index < trials; index++) yield makePlan(firstSeed + index);
}

print([`seeds       ${firstSeed} to ${firstSeed + trials - 1}`]);
const servers = await startTestServers();
try {
  const arena = await startArena({ server: servers, slots: Math.min(SLOTS, trials) });
  try {
    const startedMs = performance.now();
    let done = 0;
    const results = await runTrials(arena, plans(), {
      restMs: REST_MS,
      onResult(result) {
        done += 1;
        if (result.violations.length > 0) print(violationLines(result));
        if (done % PROGRESS_EVERY === 0) print([`${done} of ${trials} trials`]);
      },
    });
    print([...arena.crashes.map((what) => `CRASH ${what}`), ...reportLines(results, arena.crashes, performance.now() - startedMs)]);
    const isClean = arena.crashes.length === 0 && results.every(({ violations }) => violations.length === 0);
    process.exitCode = isClean ? 0 : 1;
  } finally {
    await arena.close();
  }
} finally {
  await servers.stop();
}
