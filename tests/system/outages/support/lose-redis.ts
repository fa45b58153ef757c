import { setTimeout as sleep } from "node:timers/promises";
import { at } from "@parley/testkit";
import type { TestRedis } from "@parley/testkit/redis-server";
import { expect } from "vitest";
import { decideCards } from "../../../chaos/trial/decide-cards.ts";
import type { Talk } from "../../../chaos/trial/talk.ts";
import { beginCrowd } from "./begin-crowd.ts";
import { type Crowd, joinCrowd, sayFor } from "./crowd.ts";
import { expectAllOnce, reportRecovery } from "./expect-all-once.ts";
import type { Stage } from "./open-stage.ts";
import { settleCrowd } from "./settle-crowd.ts";

const LATECOMERS = 5;
/** How long a busy machine may take for what is done at once. */
const BUSY_MS = 20_000;

/**
 * Fifty conversations are at work, Redis is killed and comes back after `awayMs`, with what it has kept. Whatever callers do meanwhile is taken:
 * they look, begin, answer and stop; what waits for a worker runs when Redis is back.
 */
export async function loseRedis(stage: Stage, redis: TestRedis, awayMs: number): Promise<void> {
  const crowd = await beginCrowd(stage, { fromMs: 1_500, toMs: awayMs });
  const endless = await joinCrowd(stage, crowd, { name: "endless", messages: [sayFor(10 * BUSY_MS)] });
  await expect.poll(() => stateOf(stage, endless), { timeout: BUSY_MS }).toBe("running");
  await redis.stop();
  const goneAtMs = Date.now();
  await Promise.all([
    look(stage, endless),
    answer(stage, crowd),
    ...Array.from({ length: LATECOMERS }, (_, index) => joinCrowd(stage, crowd, { name: `latecomer${index}`, messages: [sayFor(300)] })),
  ]);
  expect(crowd.ledger.accepted.filter(({ text }) => text.includes("latecomer"))).toHaveLength(LATECOMERS);
  const stopped = await stop(crowd, endless);
  await expect.poll(() => statusOf(stage, stopped), { timeout: BUSY_MS }).toBe("stopped");

  await sleep(Math.max(0, goneAtMs + awayMs - Date.now()));
  await redis.start();
  const backAtMs = Date.now();
  const settled = await settleCrowd(stage, crowd);
  reportRecovery(`Redis away for ${awayMs} ms`, crowd, { ...settled, backAtMs });
  expectAllOnce(settled, { stopped: [stopped] });
}

const stateOf = async ({ caller }: Stage, { conversationId }: Talk): Promise<unknown> =>
  at(await caller.read("conversation.runState", { conversationId }), "data", "state");

async function look(stage: Stage, talk: Talk): Promise<void> {
  const { system, slot } = stage;
  const { conversationId } = talk;
  const rest = system.rest(1, slot.apiKey);
  expect(await rest.call(`/v1/agents/${slot.agents.router}/gateway/conversations/${conversationId}`)).toMatchObject({ status: 200 });
  expect(await stateOf(stage, talk)).toBe("running");
  await expect
    .poll(() => system.rest(0, null).call("/ready"), { timeout: BUSY_MS })
    .toMatchObject({ status: 503, body: { parts: { redis: false, postgres: true } } });
}

/** One of those who wait for their user hears from him. */
async function answer({ caller }: Stage, { talks, ledger }: Crowd): Promise<void> {
  const conversationId = talks.find((talk) => talk.accepted[0]?.text.includes(" ask;"))?.conversationId ?? "";
  // Its question may still be on its way.
  await expect
    .poll(
      async () => {
        await decideCards({ caller, ledger, conversationId, choose: () => [], key: conversationId });
        return ledger.decided.length;
      },
      { timeout: BUSY_MS },
    )
    .toBe(1);
}

/** Gives the id of the turn that it stopped. */
async function stop({ ledger }: Crowd, talk: Talk): Promise<string> {
  const outcome = await talk.ask("conversation.stop", { clearQueue: false }, "stopped-without-redis");
  expect(outcome).toMatchObject({ kind: "done", data: { stopped: true } });
  const turnId = String(at(outcome, "data", "turnId"));
  ledger.stopped.push({ turnId, atMs: Date.now() });
  return turnId;
}

async function statusOf({ sql }: Stage, turnId: string): Promise<string | undefined> {
  const [turn] = await sql<{ status: string }[]>`select status from turns where id = ${turnId}`;
  return turn?.status;
}
