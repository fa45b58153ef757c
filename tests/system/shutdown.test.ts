import { once } from "node:events";
import { request } from "node:http";
import { json } from "node:stream/consumers";
import { at, type Replica } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventsOf, type Facts } from "../chaos/check/facts.ts";
import { expectAllEnded } from "./outages/support/expect-all-once.ts";
import { keepTalking } from "./outages/support/keep-talking.ts";
import { openStage, type Stage } from "./outages/support/open-stage.ts";
import { settleCrowd } from "./outages/support/settle-crowd.ts";

const API_GRACE_MS = 5_000;
const WORKER_GRACE_MS = 500;
/** What a busy machine may add. */
const SLACK_MS = 5_000;

let stage: Stage;
beforeAll(async () => {
  const env = { API_GRACE_MS: String(API_GRACE_MS), WORKER_GRACE_MS: String(WORKER_GRACE_MS) };
  stage = await openStage({ apis: 2, workers: 2, leaseMs: 4_000, env });
});
afterAll(() => stage?.close());

/** Ends a process as a deployment does, and starts the next one. Gives how long the end took, in ms. */
async function roll(replica: Replica | undefined, graceMs: number): Promise<number> {
  if (replica === undefined) throw new Error("There is no such replica.");
  const { process } = replica;
  const toldAtMs = Date.now();
  expect(await replica.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  const tookMs = Date.now() - toldAtMs;
  expect(tookMs).toBeLessThan(graceMs + SLACK_MS);
  expect(process.complaints).toBe("");
  await replica.restart();
  return tookMs;
}

/** What the model was asked for more often than attempts of that turn were given back before they had its whole answer. */
function unexplained(facts: Facts, asked: ReadonlyMap<string, number>): string[] {
  const givenBack = eventsOf(facts, "attempt.superseded").map(({ turnId }) => turnId);
  return [...asked].flatMap(([key, times]) => {
    const [message = ""] = key.replace(/\.s\d+\.c\d+/g, "").split("/");
    const turn = facts.turns.find(({ text }) => text.startsWith(`${message} `));
    return times - 1 > givenBack.filter((turnId) => turnId === turn?.id).length ? [`${key}: ${times} times`] : [];
  });
}

test("a rolling restart of apis and workers under steady load loses no message, repeats none, and breaks no stream", async () => {
  const { system } = stage;
  const load = keepTalking(stage);
  for (const index of [0, 1]) {
    const before = load.answers();
    await expect.poll(() => load.answers(), { timeout: 30_000 }).toBeGreaterThan(before + 8);
    const [apiMs, workerMs] = await Promise.all([roll(system.apis[index], API_GRACE_MS), roll(system.workers[index], WORKER_GRACE_MS)]);
    console.info(`measured: SIGTERM to the end under load: api ${apiMs} ms, worker ${workerMs} ms`);
  }
  await load.end();

  const settled = await settleCrowd(stage, load.crowd);
  expect(settled.violations).toEqual([]);
  expectAllEnded(settled);
  expect(settled.superseded.filter((reason) => reason !== "shutdown")).toEqual([]);
  expect(settled.superseded).not.toEqual([]);
  expect(unexplained(settled.facts, settled.asked)).toEqual([]);
  console.info(`measured: rolling restart: ${load.answers()} answers, ${settled.superseded.length} attempts given back`);
});

/** Sends the head of a call, which the api has read when this resolves. */
async function beginCall(url: string, apiKey: string) {
  const headers = { "x-api-key": apiKey, "content-type": "application/json", expect: "100-continue" };
  const call = request(`${url}/trpc/turn.submit`, { method: "POST", agent: false, headers });
  const answered = once(call, "response");
  call.flushHeaders();
  await once(call, "continue");
  return async (body: object): Promise<{ status: number | undefined; body: unknown }> => {
    call.end(JSON.stringify(body));
    const [response] = await answered;
    return { status: response.statusCode, body: await json(response) };
  };
}

/** What a client hears that comes anew: the status, or how its connection failed. */
async function knock(url: string): Promise<number | string | undefined> {
  const call = request(`${url}/ready`, { agent: false });
  call.end();
  try {
    const [response] = await once(call, "response");
    response.resume();
    return response.statusCode;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

test("an api that is told to stop answers the call that it has begun to read, and lets nobody new in meanwhile", async () => {
  const { system, slot, sql } = stage;
  const [api] = system.apis;
  if (api === undefined) throw new Error("There is no api.");
  expect(await knock(api.url)).toBe(200);
  const finish = await beginCall(api.url, slot.apiKey);
  const { process } = api;
  const exit = api.kill("SIGTERM");
  await process.said("stopping");
  expect(["ECONNREFUSED", "ECONNRESET", 503]).toContain(await knock(api.url));
  expect(process.hasExited()).toBe(false);

  const answer = await finish({ agentId: slot.agents.router, text: "t0.last say:3" });
  expect(answer.status).toBe(200);
  expect(await exit).toEqual({ code: 0, signal: null });
  const conversationId = String(at(answer.body, "result", "data", "conversationId"));
  const stateOf = async () => (await sql`select state from messages where conversation_id = ${conversationId}`).map(({ state }) => state);
  await expect.poll(stateOf, { timeout: 20_000 }).toEqual(["done"]);
});
