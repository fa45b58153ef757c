import { setTimeout as sleep } from "node:timers/promises";
import { forgetRedis } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Crowds, openCrowds, TURNS } from "./crowd.ts";

let crowds: Crowds;
beforeAll(async () => {
  crowds = await openCrowds(1);
});
afterAll(() => crowds.close());

test("of two hundred turns at once on money for fifty, fifty are run by two workers, to the last micro-unit but one slice", async () => {
  const { organizationId, ask } = await crowds.gather();
  await ask();
  await crowds.settled(organizationId);
  const { completed, balanceMicros, grantedMicros } = await crowds.expectExact(organizationId);
  expect(completed).toBeGreaterThan(0);
  console.info(`measured: ${completed} of ${TURNS} turns completed, ${balanceMicros} of ${grantedMicros} left`);
});

test("the same while workers are killed and Redis forgets everything: nothing is held at rest, and the books are in order", async () => {
  const { system } = crowds;
  const { organizationId, ask } = await crowds.gather();
  await ask();
  for (const worker of system.workers) {
    await sleep(400);
    await worker.kill("SIGKILL");
    await forgetRedis(system.environment.REDIS_URL ?? "", system.environment.REDIS_PREFIX ?? "");
    await worker.restart();
  }
  await crowds.settled(organizationId);
  const { completed, balanceMicros, grantedMicros } = await crowds.expectExact(organizationId);
  console.info(`measured: under kill -9 and a flush ${completed} of ${TURNS} turns completed, ${balanceMicros} of ${grantedMicros} left`);
});
