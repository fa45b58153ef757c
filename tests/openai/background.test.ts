import { type Replica, type System, startReplica, startSystem, tokenText } from "@parley/testkit";
import OpenAI from "openai";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";

const MODEL = "custom/scripted";

let system: System;
let openai: OpenAI;
let owner: postgres.Sql;
/** The one worker there is, until a test has ended it. */
let worker: Replica;
const started: Replica[] = [];
beforeAll(async () => {
  system = await startSystem({ leaseMs: 1_000, env: { WORKER_GRACE_MS: "200" } });
  openai = new OpenAI({ baseURL: `${system.apis[0]?.url}/v1`, apiKey: system.ours.apiKey, maxRetries: 0 });
  owner = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  worker = system.workers[0] as Replica;
});
afterAll(async () => {
  await Promise.all(started.map((one) => one.close()));
  await owner?.end();
  await system?.close();
});

/** A response that the only worker makes, and has said something of; then there is another worker, too. */
async function beginSpeaking(): Promise<string> {
  const { id } = await openai.responses.create({ model: MODEL, input: "count", background: true });
  const told = async () => (await rowOf(id)).events_count;
  await expect.poll(told, { timeout: 20_000 }).toBeGreaterThan(6);
  started.push(await startReplica("worker", system.environment));
  return id;
}

async function rowOf(id: string) {
  const [row] = await owner<{ events_count: number; attempts: number }[]>`
    select events_count, attempts from responses where id::text = ${uuidOf(id)}`;
  return row ?? { events_count: 0, attempts: 0 };
}
const uuidOf = (id: string): string => id.slice("resp_".length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
const charged = (id: string) => owner<{ outcome: string; output_tokens: number }[]>`
  select outcome, output_tokens::int from direct_calls where response_id::text = ${uuidOf(id)} and not superseded`;
const statusOf = async (id: string) => (await openai.responses.retrieve(id)).status;
const lookSoon = () => owner`update responses set look_at = now() where job is not null`;

test("a worker that is told to stop gives its response back, which ends at another and is paid for once", async () => {
  system.model.script({ tokens: 1_000, delayMs: 20 }, { tokens: 50, delayMs: 1 });
  const id = await beginSpeaking();
  expect(await worker.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  // Given back: neither the lease nor the sweep is waited for, and the attempt does not count.
  await expect.poll(() => statusOf(id), { timeout: 20_000 }).toBe("completed");
  expect((await openai.responses.retrieve(id)).output_text).toBe(tokenText(50));
  expect(await rowOf(id)).toMatchObject({ attempts: 1 });
  await expect.poll(() => charged(id), { timeout: 10_000 }).toEqual([{ outcome: "answered", output_tokens: 50 }]);
  // What the first one used is written, too, before its process ended.
  const house = await owner`select outcome from direct_calls where response_id::text = ${uuidOf(id)} and superseded`;
  expect(house).toMatchObject([{ outcome: "cancelled" }]);
});

test("a worker that is killed in the middle is followed by another, whose answer readers go on with", async () => {
  await Promise.all(started.splice(0).map((one) => one.close()));
  await worker.restart();
  // The second one tells more than the first could on the slowest machine.
  system.model.script({ tokens: 300, delayMs: 50 }, { tokens: 600, delayMs: 5 });
  const id = await beginSpeaking();
  await worker.kill("SIGKILL");
  await lookSoon();
  await expect.poll(async () => (await rowOf(id)).attempts, { timeout: 20_000 }).toBe(2);
  let text = "";
  let ends = 0;
  const numbers: number[] = [];
  const read = async (after: number): Promise<void> => {
    const stream = await openai.responses.retrieve(id, { stream: true, ...(after >= 0 && { starting_after: after }) });
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      if (event.type === "response.output_text.delta") text += event.delta;
      if (event.type === "response.completed") ends += 1;
      // Leaves in the middle, once.
      if (after < 0 && text.length > 20) return;
    }
  };
  await read(-1);
  const gone = (await owner<{ through: number }[]>`select superseded_through as through from responses where id::text = ${uuidOf(id)}`)[0];
  // A number that both attempts have told means either: only behind those it is sure.
  await expect.poll(async () => (await rowOf(id)).events_count, { timeout: 20_000 }).toBeGreaterThan((gone?.through ?? 0) + 2);
  text = "";
  numbers.length = 0;
  await read(0).catch(() => undefined);
  expect(ends).toBe(1);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  expect(text).toBe(tokenText(600));
  await expect.poll(() => charged(id), { timeout: 10_000 }).toMatchObject([{ outcome: "answered" }]);
});

test("a background stream that was cut is attached to by the same call under its key", async () => {
  system.model.script({ tokens: 60, delayMs: 20 });
  const before = system.model.journal.length;
  const call = async (leaveAfter: number) => {
    const stream = await openai.responses.create(
      { model: MODEL, input: "count", background: true, stream: true },
      { headers: { "idempotency-key": "cut" } },
    );
    const events: { type: string; id: string }[] = [];
    for await (const event of stream) {
      events.push({ type: event.type, id: "response" in event ? event.response.id : "" });
      if (events.length === leaveAfter) break;
    }
    return events;
  };
  const cut = await call(6);
  const again = await call(Number.POSITIVE_INFINITY);
  expect(again[0]?.id).toBe(cut[0]?.id);
  expect(again.at(-1)?.type).toBe("response.completed");
  expect(system.model.journal).toHaveLength(before + 1);
});
