import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { beginCrowd } from "./support/begin-crowd.ts";
import { expectAllEnded, expectAllOnce, reportRecovery } from "./support/expect-all-once.ts";
import { openStage, type Stage } from "./support/open-stage.ts";
import { type OwnPostgres, startOwnPostgres } from "./support/own-postgres.ts";
import { settleCrowd } from "./support/settle-crowd.ts";

const LEASE_MS = 2_000;
const CROWD = { fromMs: 1_200, toMs: 3_000 };

let postgres: OwnPostgres;
let stage: Stage;
beforeAll(async () => {
  postgres = await startOwnPostgres();
  stage = await openStage({ apis: 2, workers: 2, leaseMs: LEASE_MS, heartbeatMs: 300, server: postgres.server });
});
afterAll(async () => {
  await stage?.close();
  await postgres?.close();
});

async function runningCount(): Promise<number> {
  const rows = await stage.sql`select from conversations where organization_id = ${stage.slot.organizationId} and state = 'running'`;
  return rows.length;
}

test("Postgres killed while fifty conversations begin: all ends once, though claims that it had answered are gone", async () => {
  const beginning = beginCrowd(stage, CROWD);
  // Claims that are younger than the last write to disk are the ones to go.
  await expect.poll(runningCount, { timeout: 20_000, interval: 5 }).toBeGreaterThan(10);
  await postgres.kill();
  await sleep(500);
  await postgres.start();
  const backAtMs = Date.now();
  const crowd = await beginning;
  const settled = await settleCrowd(stage, crowd, { hasCrashed: true });
  reportRecovery("Postgres killed", crowd, { ...settled, backAtMs });
  const again = [...settled.asked.values()].filter((times) => times > 1).length;
  console.info(`measured: Postgres killed: ${settled.superseded.length} attempts superseded, ${again} answers asked for again`);
  expect(settled.violations).toEqual([]);
  expectAllEnded(settled);
});

test("Postgres paused for two leases under fifty conversations: no healthy turn is superseded, none is lost", async () => {
  const crowd = await beginCrowd(stage, CROWD);
  postgres.freeze();
  await sleep(2 * LEASE_MS);
  postgres.thaw();
  const backAtMs = Date.now();
  const settled = await settleCrowd(stage, crowd);
  reportRecovery("Postgres paused for two leases", crowd, { ...settled, backAtMs });
  expectAllOnce(settled);
});

test("all of our processes frozen for two leases, as a whole machine is: no healthy turn is superseded, none is lost", async () => {
  const crowd = await beginCrowd(stage, CROWD);
  const processes = [...stage.system.apis, ...stage.system.workers].map(({ process }) => process);
  const fromMs = Date.now();
  for (const process of processes) process.signal("SIGSTOP");
  await sleep(2 * LEASE_MS);
  for (const process of processes) process.signal("SIGCONT");
  const backAtMs = Date.now();
  const settled = await settleCrowd(stage, crowd, { frozen: [{ fromMs, toMs: backAtMs }] });
  reportRecovery("all processes frozen for two leases", crowd, { ...settled, backAtMs });
  expectAllOnce(settled);
});
