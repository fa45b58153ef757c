import { type Reply, type System, startSystem, tokenText } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "../system/support/gateway-paths.ts";
import { isType, readChunks, readUntil, wholeStream } from "../system/support/read-rest.ts";

const HEARTBEAT_MS = 100;
const LEASE_MS = 1_500;
const DELAY_MS = 10;
const CHUNKS = 40;
/** Tokens of a heartbeat and of what a busy machine may be late with it. */
const TAIL_TOKENS = 150;
const ANSWER = { tokens: 20, usage: { prompt_tokens: 33, completion_tokens: 21 } };
/** Long enough to be written down at once. */
const LONG = "x".repeat(8_000);

let system: System;
let agent: string;
let owner: postgres.Sql;
beforeAll(async () => {
  system = await startSystem({ workers: 2, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS });
  owner = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  agent = await system.ours.newAgent();
});
afterAll(async () => {
  await owner.end();
  await system.close();
});
afterEach(async () => {
  await Promise.all(system.workers.filter(({ process }) => process.hasExited()).map((worker) => worker.restart()));
});

interface Line {
  attempt: number;
  payer: string;
  input: number;
  output: number;
  estimated: boolean;
}

/** The charges of a conversation's turn, by attempt, once all it has used is charged. */
async function charged(conversationId: string): Promise<Line[]> {
  const lines = () => owner<(Line & { unposted: boolean })[]>`
    select u.attempt, c.payer, c.input_tokens::int as input, c.output_tokens::int as output, c.estimated, u.unposted
    from usage_records u left join charges c on c.organization_id = u.organization_id
      and c.source_id = concat_ws('/', u.turn_id, u.execution_id, u.attempt, u.step, u.try)
    where u.conversation_id = ${conversationId} order by u.attempt, u.step, u.try`;
  await expect.poll(async () => (await lines()).every(({ unposted }) => !unposted), { timeout: 15_000, interval: 50 }).toBe(true);
  return (await lines()).map(({ unposted: _, ...line }) => line);
}

/** A turn of an endless answer whose beginning has come, and who runs it. */
async function endless(text: string, ...next: Reply[]) {
  const before = system.model.journal.length;
  system.model.script({ tokens: 4_000, delayMs: DELAY_MS }, ...next);
  const gateway = gatewayOf(system.rest(), agent);
  const stream = gateway.stream(text);
  const seen = await readChunks(stream, CHUNKS);
  const id = seen.find(isType("task_created"))?.taskId ?? "";
  const worker = await system.workerOf(id);
  if (worker === null) throw new Error("No worker runs the turn.");
  return { gateway, stream, id, worker, upstream: () => system.model.journal[before] };
}

const promptEstimate = (text: string): number => Math.floor(text.length / 4);

test("what a killed worker had heard of an answer is charged once, as a marked estimate, to the house where the step is made again", async () => {
  const { stream, id, worker, upstream } = await endless(LONG, ANSWER);
  await worker.kill("SIGKILL");
  await expect.poll(() => upstream()?.outcome).toBe("aborted");
  const sent = upstream()?.tokensSent ?? 0;
  expect((await wholeStream(stream)).find(isType("task_finished"))?.data).toMatchObject({ result: tokenText(ANSWER.tokens) });
  const [lost, again, ...more] = await charged(id);
  expect(more).toEqual([]);
  expect(lost).toMatchObject({ attempt: 1, payer: "house", estimated: true });
  expect(lost?.input).toBeGreaterThanOrEqual(promptEstimate(LONG));
  expect(lost?.output).toBeGreaterThan(0);
  expect(Math.abs(sent - (lost?.output ?? 0))).toBeLessThanOrEqual(TAIL_TOKENS);
  expect(again).toEqual({ attempt: 2, payer: "customer", input: 33, output: 21, estimated: false });
});

test("a large prompt is charged, too, where its worker was killed before the first token and its first heartbeat", async () => {
  const before = system.model.journal.length;
  system.model.script({ hang: true }, ANSWER);
  const gateway = gatewayOf(system.rest(), agent);
  const stream = gateway.stream(LONG);
  const [created] = await readUntil(stream, isType("task_created")).then((seen) => seen.slice(-1));
  const id = created?.taskId ?? "";
  await expect.poll(async () => (await owner`select from checkpoints where conversation_id = ${id}`).length).toBe(1);
  const worker = await system.workerOf(id);
  await worker?.kill("SIGKILL");
  await wholeStream(stream);
  expect(system.model.journal.length - before).toBe(2);
  const [lost, again] = await charged(id);
  expect(lost).toMatchObject({ attempt: 1, payer: "house", output: 0, estimated: true });
  expect(lost?.input).toBeGreaterThanOrEqual(promptEstimate(LONG));
  expect(again).toMatchObject({ attempt: 2, payer: "customer", input: 33 });
});

test("where the turn is stopped before anybody goes on with it, the customer pays for what was said", async () => {
  const { gateway, stream, id, worker, upstream } = await endless("count");
  await worker.kill("SIGKILL");
  await gateway.stop(id);
  await wholeStream(stream);
  const lines = await charged(id);
  expect(lines).toMatchObject([{ attempt: 1, payer: "customer", estimated: true }]);
  expect(Math.abs((upstream()?.tokensSent ?? 0) - (lines[0]?.output ?? 0))).toBeLessThanOrEqual(TAIL_TOKENS);
});

test("a worker that stood still and reports late is charged once, by what it says while nothing is charged yet", async () => {
  // It stands still for longer than its lease, and wakes while the next attempt is at work.
  let release: () => void = () => undefined;
  const after = new Promise<void>((resolve) => (release = resolve));
  const { stream, id, worker } = await endless("count", { ...ANSWER, after });
  worker.process.signal("SIGSTOP");
  await readUntil(stream, isType("attempt_superseded"));
  const notes = () => owner<{ output: number; provisional: boolean }[]>`
    select output_tokens::int as output, provisional from usage_records where conversation_id = ${id} and attempt = 1`;
  const [noted, ...none] = await notes();
  expect([noted?.provisional, none]).toEqual([true, []]);
  worker.process.signal("SIGCONT");
  await expect.poll(async () => (await notes())[0]?.provisional, { timeout: 10_000 }).toBe(false);
  release();
  await wholeStream(stream);
  const [lost, again, ...more] = await charged(id);
  expect(more).toEqual([]);
  expect(lost).toMatchObject({ attempt: 1, payer: "house", estimated: true });
  // Its own count goes as far as what it has read, which is more than it had noted.
  expect(lost?.output).toBeGreaterThanOrEqual(noted?.output ?? 0);
  expect(again).toMatchObject({ attempt: 2, payer: "customer", input: 33 });
});
