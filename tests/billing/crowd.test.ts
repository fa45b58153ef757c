import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { openDatabase } from "@parley/db";
import { forgetRedis, type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";

const TURNS = 200;
const PAID_FOR = 50;
const SLICE_TOKENS = 16;
const TOKENS = 24;
/** Per token of prompt and answer. */
const IN_MICROS = 1;
const OUT_MICROS = 10;
const SLICE_MICROS = SLICE_TOKENS * OUT_MICROS;
/** What the prompt of one of these turns is held to cost at most; where less than that is left, none can be begun. */
const PROMPT_MICROS_MAX = 60;

let system: System;
let owner: postgres.Sql;
let database: ReturnType<typeof openDatabase>;
beforeAll(async () => {
  system = await startSystem({
    workers: 2,
    leaseMs: 2_000,
    env: { LIMIT_HOLD_SLICE_TOKENS: String(SLICE_TOKENS), LIMIT_HOLD_BEGIN_MS: "60000", WORKER_CONCURRENCY: "100" },
  });
  owner = postgres(system.ownerUrl, { max: 2, onnotice: () => undefined });
  database = openDatabase({ url: system.environment.DATABASE_URL ?? "", pool: 4, prepare: true, applicationName: "test" });
});
afterAll(async () => {
  await Promise.all([owner.end(), database.close()]);
  await system.close();
});

/** An organization with money for so many turns, that many more are asked of at once. */
async function crowd() {
  const tenant = await system.newTenant("crowd");
  const { organizationId } = tenant;
  const agent = await tenant.newAgent();
  const { billing } = database;
  await billing.setPrice(
    {
      ...{
        organizationId: organizationId as never,
        kind: "model",
        name: "custom/scripted",
        inputPico: IN_MICROS * 1e6,
        outputPico: OUT_MICROS * 1e6,
      },
      ...{ cachedPico: null, reasoningPico: null, audioPico: 0, imagePico: 0, unitPico: 0, withdrawn: false },
    },
    100,
  );
  const prompt = 10;
  system.model.otherwise({ tokens: TOKENS, delayMs: 10, usage: { prompt_tokens: prompt, completion_tokens: TOKENS } });
  const costMicros = prompt * IN_MICROS + TOKENS * OUT_MICROS;
  const grantedMicros = PAID_FOR * costMicros;
  await billing.credit({
    organizationId,
    from: "credits",
    amountMicros: grantedMicros,
    sourceType: "test",
    sourceId: randomUUID(),
    note: "",
  });
  await billing.setMode(organizationId, "prepaid");
  const rest = system.rest(0, tenant.apiKey);
  await Promise.all(
    Array.from({ length: TURNS }, (_, index) => rest.call("/trpc/turn.submit", { body: { agentId: agent, text: `${index}` } })),
  );
  return { organizationId, billing, costMicros, grantedMicros };
}

const turnsOf = (organizationId: string) =>
  owner<{ status: string; reason: string | null; turns: number }[]>`
    select status, reason, count(*)::int as turns from turns where organization_id = ${organizationId} group by 1, 2`;
const unendedOf = async (organizationId: string) =>
  (await turnsOf(organizationId)).reduce((sum, { status, turns }) => sum + (["completed", "failed"].includes(status) ? 0 : turns), 0);
const heldOf = async (organizationId: string) =>
  Number((await owner`select count(*)::int as holds from holds where organization_id = ${organizationId}`)[0]?.holds);

const ended = (organizationId: string) => expect.poll(() => unendedOf(organizationId), { timeout: 100_000, interval: 200 }).toBe(0);
const posted = (organizationId: string) => expect.poll(() => heldOf(organizationId), { timeout: 20_000, interval: 100 }).toBe(0);

test("of two hundred turns at once on money for fifty, fifty are run by two workers, to the last micro-unit but one slice", async () => {
  const { organizationId, billing, costMicros, grantedMicros } = await crowd();
  await ended(organizationId);
  await posted(organizationId);
  const { balanceMicros, heldMicros } = await billing.account(organizationId);
  expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
  expect(heldMicros).toBe(0);
  expect(balanceMicros).toBeGreaterThanOrEqual(-SLICE_MICROS);
  // Nobody was refused while there was money: what is left begins no turn.
  expect(balanceMicros).toBeLessThanOrEqual(PROMPT_MICROS_MAX);
  const turns = await turnsOf(organizationId);
  const completed = turns.find(({ status }) => status === "completed")?.turns ?? 0;
  expect(turns.filter(({ status }) => status !== "completed").map(({ reason }) => reason)).toEqual(["budget"]);
  expect(completed).toBeLessThanOrEqual(PAID_FOR + 1);
  expect(completed * costMicros).toBeLessThanOrEqual(grantedMicros - balanceMicros);
  console.info(`measured: ${completed} of ${TURNS} turns completed on money for ${PAID_FOR}, ${balanceMicros} of ${grantedMicros} left`);
});

test("the same while workers are killed and Redis forgets everything: nothing is held at rest, and the books are in order", async () => {
  const { organizationId, billing, grantedMicros } = await crowd();
  for (const worker of system.workers) {
    await sleep(400);
    await worker.kill("SIGKILL");
    await forgetRedis(system.environment.REDIS_URL ?? "", system.environment.REDIS_PREFIX ?? "");
    await worker.restart();
  }
  await ended(organizationId);
  await posted(organizationId);
  const { balanceMicros, heldMicros } = await billing.account(organizationId);
  expect(await billing.check(organizationId)).toMatchObject({ ok: true, sumMicros: 0 });
  expect(heldMicros).toBe(0);
  expect(balanceMicros).toBeGreaterThanOrEqual(-SLICE_MICROS);
  expect(balanceMicros).toBeLessThanOrEqual(PROMPT_MICROS_MAX);
  console.info(`measured: under kill -9 and a flush ${balanceMicros} of ${grantedMicros} left`);
});
