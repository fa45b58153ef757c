import { setTimeout as sleep } from "node:timers/promises";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { flushRedis } from "../../chaos/arena/flush-redis.ts";
import { beginCrowd } from "./support/begin-crowd.ts";
import { expectAllOnce, reportRecovery } from "./support/expect-all-once.ts";
import { loseRedis } from "./support/lose-redis.ts";
import { openStage, type Stage } from "./support/open-stage.ts";
import { type OwnPostgres, startOwnPostgres } from "./support/own-postgres.ts";
import { settleCrowd } from "./support/settle-crowd.ts";

const CROWD = { fromMs: 1_000, toMs: 2_500 };
const AWAY_MS = 1_000;

let redis: TestRedis;
let postgres: OwnPostgres;
let stage: Stage;
beforeAll(async () => {
  // It keeps nothing on disk.
  redis = await startRedis();
  postgres = await startOwnPostgres();
  stage = await openStage({ apis: 2, workers: 2, leaseMs: 4_000, redisUrl: redis.url, server: postgres.server });
});
afterAll(async () => {
  await stage?.close();
  await postgres?.close();
  await redis?.[Symbol.asyncDispose]();
});

test("FLUSHALL under fifty conversations: all end with their whole answers, none twice, and their readers miss nothing", async () => {
  const crowd = await beginCrowd(stage, CROWD);
  await flushRedis(redis.port);
  const backAtMs = Date.now();
  const settled = await settleCrowd(stage, crowd);
  reportRecovery("FLUSHALL", crowd, { ...settled, backAtMs });
  expectAllOnce(settled);
});

test("Redis killed under fifty conversations and back with an empty disk: callers look, begin, answer and stop as ever, and all ends once", () =>
  loseRedis(stage, redis, 3_000));

/** What a caller is told while Postgres is away, and may come back from. */
async function expectBriefRefusals(): Promise<void> {
  const { system, slot } = stage;
  const agentId = slot.agents.router;
  const rest = system.rest(0, slot.apiKey);
  const invoked = await rest.call(`/v1/agents/${agentId}/invoke/async`, { body: { input: { text: "t0.x say:1" } } });
  expect([invoked.status, invoked.headers.get("retry-after")]).toEqual([503, "1"]);
  const submitted = await rest.call("/trpc/turn.submit", { body: { agentId, text: "t0.y say:1" } });
  expect([submitted.status, submitted.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(submitted.body).toMatchObject({ error: { data: { code: "storage_unavailable", retry: true } } });
  const open = system.rest(0, null);
  expect(await open.call("/ready")).toMatchObject({ status: 503, body: { parts: { postgres: false, redis: true } } });
  expect(await open.call("/health")).toMatchObject({ status: 200 });
}

test("Postgres restarted under fifty conversations: callers are told to come back, nothing crashes, and all ends once", async () => {
  const crowd = await beginCrowd(stage, CROWD);
  await postgres.stop();
  await expectBriefRefusals();
  await sleep(AWAY_MS);
  await expectBriefRefusals();
  await postgres.start();
  const backAtMs = Date.now();
  const settled = await settleCrowd(stage, crowd);
  reportRecovery("Postgres restarted", crowd, { ...settled, backAtMs });
  expectAllOnce(settled);
});
