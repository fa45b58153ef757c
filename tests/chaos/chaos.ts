import { parseArgs } from "node:util";
import { startTestServers } from "../../scripts/test/test-servers.ts";
import { type Arena, startArena } from "./arena/start-arena.ts";
import { makePlan, type Plan } from "./plan/make-plan.ts";
import { reportLines, violationLines } from "./print-report.ts";
import { runTrials } from "./run-trials.ts";

const SLOTS = 8;
/** Kicks that are given again wait twice as long each time. */
const STUCK_MS = 60_000;
const PROGRESS_EVERY = 25;

const { values } = parseArgs({
  options: { trials: { type: "string", default: "200" }, seed: { type: "string", default: String(Date.now() % 1_000_000) } },
});

/** A whole number of at least 1; anything else ends the process with a word about it. */
function wholeNumber(name: "trials" | "seed"): number {
  const number = Number(values[name]);
  if (Number.isSafeInteger(number) && number > 0) return number;
  process.stderr.write(`--${name} must be a whole number above 0.\n`);
  process.exit(2);
}

const trials = wholeNumber("trials");
const firstSeed = wholeNumber("seed");
const print = (lines: string[]): void => void process.stdout.write(`${lines.join("\n")}\n`);

function* plans(): Generator<Plan> {
  for (let index = 0; index < trials; index++) yield makePlan(firstSeed + index);
}

async function run(arena: Arena): Promise<boolean> {
  const startedMs = performance.now();
  let done = 0;
  const results = await runTrials(arena, plans(), {
    stuckMs: STUCK_MS,
    onResult(result) {
      done += 1;
      if (result.violations.length > 0) print(violationLines(result));
      if (done % PROGRESS_EVERY === 0) print([`${done} of ${trials} trials`]);
    },
  });
  print([...arena.crashes.map((what) => `CRASH ${what}`), ...reportLines(results, arena.crashes, performance.now() - startedMs)]);
  return arena.crashes.length === 0 && results.every(({ violations }) => violations.length === 0);
}

print([`seeds       ${firstSeed} to ${firstSeed + trials - 1}`]);
// Told to end, it ends what it has started first: a process that is frozen would stay so for ever.
const told = Promise.withResolvers<number>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    print([`ends early  ${signal}`]);
    told.resolve(130);
  });
}
const opened = new AsyncDisposableStack();
let exitCode: number;
try {
  const servers = await startTestServers();
  opened.defer(() => servers.stop());
  const arena = await startArena({ server: servers, slots: Math.min(SLOTS, trials) });
  opened.defer(() => arena.close());
  // What the trials under way still ask of an arena that is gone is refused, and nobody's concern any more.
  exitCode = await Promise.race([told.promise, run(arena).then((isHealthy) => (isHealthy ? 0 : 1))]);
} finally {
  await opened.disposeAsync();
}
process.exit(exitCode);
