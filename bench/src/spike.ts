/**
 * How many round trips and commits does a turn cost? One turn with lease, fence, journal, usage and row-level security,
 * done in several ways beside the floor's two plain transactions, in one run, in interleaved rounds.
 */
import { printTable } from "./measure/print-table.ts";
import { median, percentile } from "./measure/statistics.ts";
import { startPostgres } from "./services/postgres-server.ts";
import { batchVariant } from "./spike/batch-variant.ts";
import { floorVariant } from "./spike/floor-variant.ts";
import { functionVariant } from "./spike/function-variant.ts";
import { measureCheckpoint } from "./spike/measure-checkpoint.ts";
import { measureVariant, noSamples } from "./spike/measure-variant.ts";
import { openPool, POOL_SIZE, prepareDatabase } from "./spike/prepare-database.ts";
import { statementVariant } from "./spike/statement-variant.ts";

const ROUNDS = 7;
const ROUND = { turns: 150, burst: 640, concurrency: 64 };

const server = await startPostgres();
try {
  await prepareDatabase(server);
  const flat = openPool(server, "flat", { prepare: true });
  const monthly = openPool(server, "monthly", { prepare: true });
  const unprepared = openPool(server, "monthly", { prepare: false });
  const variants = [
    floorVariant(flat),
    functionVariant(flat, { name: "(b) three functions", durableClaim: true }),
    functionVariant(flat, { name: "(c) three functions, claim asynchronous", durableClaim: false }),
    functionVariant(monthly, { name: "(b) by month", durableClaim: true }),
    functionVariant(monthly, { name: "(c) by month", durableClaim: false }),
    functionVariant(unprepared, { name: "(b) by month, no prepared statements", durableClaim: true }),
    batchVariant(monthly, { name: "(e) (b) by month, crowds share commits", durableClaim: true }),
    batchVariant(monthly, { name: "(f) (c) by month, crowds share commits", durableClaim: false }),
    statementVariant(flat),
    { ...statementVariant(monthly), name: "(d) by month" },
  ].map((variant) => ({ variant, samples: noSamples() }));

  // The first round warms connections, plans and caches, and is thrown away.
  for (const { variant } of variants) await measureVariant(variant, noSamples(), ROUND);
  for (let round = 0; round < ROUNDS; round++) {
    for (const { variant, samples } of variants) await measureVariant(variant, samples, ROUND);
  }

  const floor = variants[0]?.samples ?? noSamples();
  const pair = (values: number[]) => (values.length === 0 ? "" : `${median(values).toFixed(2)} / ${percentile(values, 0.99).toFixed(2)}`);
  const ratio = (value: number, base: number) => `${(value / base).toFixed(2)} ×`;
  printTable([
    [
      "variant",
      "trips",
      "commits",
      "admit p50 / p99 ms",
      "claim",
      "finish",
      "turn",
      "turn p50, × (a)",
      `c${ROUND.concurrency} turns/s`,
      "turns/s, × (a)",
    ],
    ...variants.map(({ variant, samples }) => [
      variant.name,
      String(variant.roundTrips),
      String(variant.commits),
      pair(samples.admitMs),
      pair(samples.claimMs),
      pair(samples.finishMs),
      pair(samples.turnMs),
      ratio(median(samples.turnMs), median(floor.turnMs)),
      median(samples.turnsPerSecond).toFixed(0),
      ratio(median(samples.turnsPerSecond), median(floor.turnsPerSecond)),
    ]),
  ]);
  console.log(`\nPool of ${POOL_SIZE}, ${ROUNDS} interleaved rounds of ${ROUND.turns} sequential and ${ROUND.burst} concurrent turns.`);
  for (const count of [1, 64, 256])
    console.log(`One checkpoint statement for ${count} turns, 4 KiB each: ${(await measureCheckpoint(monthly, count)).toFixed(2)} ms`);
  await Promise.all([flat.end(), monthly.end(), unprepared.end()]);
} finally {
  await server.stop();
}
