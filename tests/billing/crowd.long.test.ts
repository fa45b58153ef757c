import { setTimeout as sleep } from "node:timers/promises";
import { forgetRedis } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { integer, pick, type Random } from "../chaos/plan/random.ts";
import { seededRandom } from "../system/support/seeded-random.ts";
import { type Crowds, openCrowds, TURNS } from "./crowd.ts";

const FAULTS = 8;

let crowds: Crowds;
beforeAll(async () => {
  crowds = await openCrowds(2);
});
afterAll(() => crowds.close());

/** Workers and apis are killed, and Redis forgets everything, from the first request on. */
async function strike(random: Random): Promise<string[]> {
  const { apis, workers, environment } = crowds.system;
  const struck: string[] = [];
  for (let fault = 0; fault < FAULTS; fault += 1) {
    await sleep(integer(random, 100, 900));
    const kind = pick(random, ["worker", "worker", "api", "redis"] as const);
    struck.push(kind);
    if (kind === "redis") {
      await forgetRedis(environment.REDIS_URL ?? "", environment.REDIS_PREFIX ?? "");
      continue;
    }
    const killed = pick(random, kind === "worker" ? workers : apis);
    await killed.kill("SIGKILL");
    await killed.restart();
  }
  return struck;
}

test.each([1, 2, 3, 4, 5])(
  "two hundred turns at once on money for fifty, while workers, apis and Redis die, seed %i: all of it is used, and no more",
  async (seed) => {
    const { organizationId, ask } = await crowds.gather();
    const [struck] = await Promise.all([strike(seededRandom(seed)), ask()]);
    await crowds.settled(organizationId);
    const { completed, balanceMicros, grantedMicros } = await crowds.expectExact(organizationId);
    console.info(
      `measured: ${completed} of ${TURNS} turns completed under ${struck.join(", ")}; ${balanceMicros} of ${grantedMicros} left`,
    );
    expect(struck).toHaveLength(FAULTS);
  },
);
