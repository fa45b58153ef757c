import { at, type ModelServerRequest, type Reply, type System, startSystem, type Tenant, tokenText } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "../system/support/gateway-paths.ts";
import { isType, readChunks, readUntil, wholeStream } from "../system/support/read-rest.ts";

const HEARTBEAT_MS = 100;
const LEASE_MS = 1_500;
/** Afterwards what a process has noted is charged. */
const SILENT_MS = 1_500;
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
  const env = { LIMIT_SILENT_PROCESS_MS: String(SILENT_MS), LIMIT_HISTORY_TURNS_MAX: "2" };
  system = await startSystem({ apis: 2, workers: 2, leaseMs: LEASE_MS, heartbeatMs: HEARTBEAT_MS, env });
  owner = postgres(system.ownerUrl, { max: 1, onnotice: () => undefined });
  agent = await system.ours.newAgent();
});
afterAll(async () => {
  await owner.end();
  await system.close();
});
afterEach(async () => {
  await Promise.all([...system.apis, ...system.workers].filter(({ process }) => process.hasExited()).map((one) => one.restart()));
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
  await expect.poll(async () => (await owner`select from usage_notes where said->>'conversationId' = ${id}`).length).toBe(1);
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

const MODEL = "custom/scripted";
const MONEY_MICROS = 1_000_000;

/** An organization that has to pay first, at a price of its own. */
async function payer(name: string): Promise<Tenant> {
  const tenant = await system.newTenant(name);
  const organization_id = tenant.organizationId;
  const headers = { "x-admin-secret": system.adminSecret };
  for (const [path, body] of [
    ["prices", { organization_id, kind: "model", name: MODEL, input_pico: 1e6, output_pico: 10e6 }],
    ["mode", { organization_id, mode: "prepaid" }],
    ["credits", { organization_id, amount_micros: MONEY_MICROS, reference: "one" }],
  ] as const)
    expect((await system.rest(0, null).call(`/admin/billing/${path}`, { body, headers })).status).toBe(200);
  return tenant;
}

interface Charged {
  payer: string;
  input: number;
  output: number;
  micros: number;
  estimated: boolean;
}

const chargesOf = ({ organizationId }: Tenant) => owner<Charged[]>`
  select payer, input_tokens::int as input, output_tokens::int as output, amount_micros::int as micros, estimated
  from charges where organization_id = ${organizationId} order by output_tokens, input_tokens`;
const notesOf = async ({ organizationId }: Tenant) =>
  (await owner<{ kind: string }[]>`select kind from usage_notes where organization_id = ${organizationId} order by kind`).map(
    ({ kind }) => kind,
  );

/** All that the organization has used, once so much of it is charged, nothing is noted or held any more, and the books are in order. */
async function settled(tenant: Tenant, isDone: (charges: Charged[]) => boolean): Promise<Charged[]> {
  const { organizationId } = tenant;
  const left = async () => {
    const [rows] = await owner<{ count: number }[]>`select (select count(*) from holds where organization_id = ${organizationId})::int
      + (select count(*) from usage_records where organization_id = ${organizationId} and unposted)::int
      + (select count(*) from direct_calls where organization_id = ${organizationId} and unposted)::int
      + (select count(*) from usage_notes where organization_id = ${organizationId})::int as count`;
    return rows?.count === 0 && isDone(await chargesOf(tenant));
  };
  await expect.poll(left, { timeout: 20_000, interval: 50 }).toBe(true);
  const charges = [...(await chargesOf(tenant))];
  const headers = { "x-admin-secret": system.adminSecret };
  const books = await system.rest(0, null).call(`/admin/billing/ledger?organization_id=${organizationId}`, { headers });
  expect(books.body).toMatchObject({ ok: true, sum_micros: 0, held_micros: 0 });
  const account = (await system.rest(0, tenant.apiKey).call("/api/billing/account")).body;
  const paid = charges.reduce((sum, { payer: by, micros }) => sum + (by === "customer" ? micros : 0), 0);
  expect(account).toMatchObject({ balance_micros: MONEY_MICROS - paid, held_micros: 0 });
  return charges;
}

const isTold =
  (text: string) =>
  ({ body }: ModelServerRequest) =>
    body.messages?.at(-1)?.content === text;
const asked = (text: string) => system.model.journal.find((call) => call.body.messages?.at(-1)?.content === text);

/** A direct call that nobody has to wait for, of what the model answers so. */
function callDirectly(tenant: Tenant, text: string, reply: Reply, more: object = {}) {
  system.model.when(isTold(text), reply);
  const body = { model: MODEL, messages: [{ role: "user", content: text }], ...more };
  return system
    .rest(1, tenant.apiKey)
    .call("/v1/chat/completions", { body })
    .catch(() => null);
}

test("what direct calls of a killed api have used is charged once, as a marked estimate, and nothing stays held for them", async () => {
  const tenant = await payer("direct");
  const calls = [
    callDirectly(tenant, "stream it", { tokens: 4_000, delayMs: DELAY_MS }, { stream: true }),
    callDirectly(tenant, "never answered", { hang: true }, { max_tokens: 5 }),
  ];
  await expect.poll(() => notesOf(tenant), { timeout: 10_000 }).toEqual(["call", "call"]);
  await expect.poll(() => asked("stream it")?.tokensSent ?? 0).toBeGreaterThan(CHUNKS);
  await system.apis[1]?.kill("SIGKILL");
  await Promise.all(calls);
  await expect.poll(() => asked("stream it")?.outcome).toBe("aborted");
  const [prompt, stream, ...more] = await settled(tenant, ({ length }) => length >= 2);
  expect(more).toEqual([]);
  expect(prompt).toEqual({ payer: "customer", input: 4, output: 0, micros: 4, estimated: true });
  expect(stream).toMatchObject({ payer: "customer", input: 3, estimated: true, micros: 3 + 10 * (stream?.output ?? 0) });
  expect(stream?.output).toBeGreaterThan(0);
  expect(Math.abs((asked("stream it")?.tokensSent ?? 0) - (stream?.output ?? 0))).toBeLessThanOrEqual(TAIL_TOKENS);
});

test("an api that stood still until its call was charged changes nothing with what it reports later", async () => {
  const tenant = await payer("stood still");
  const call = callDirectly(tenant, "go on", { tokens: 150, delayMs: DELAY_MS }, { stream: true });
  await expect.poll(() => notesOf(tenant), { timeout: 10_000 }).toEqual(["call"]);
  system.apis[1]?.process.signal("SIGSTOP");
  const early = await settled(tenant, ({ length }) => length > 0);
  expect(early).toMatchObject([{ payer: "customer", estimated: true }]);
  system.apis[1]?.process.signal("SIGCONT");
  expect((await call)?.text).toContain("[DONE]");
  // Its record is there as soon as no note of it is.
  await expect.poll(() => asked("go on")?.outcome).toBe("finished");
  await callDirectly(tenant, "the next", ANSWER);
  expect(await settled(tenant, ({ length }) => length > 1)).toEqual(
    expect.arrayContaining([...early, { payer: "customer", input: 33, output: 21, micros: 243, estimated: false }]),
  );
  expect(await chargesOf(tenant)).toHaveLength(2);
});

test("what a killed worker has used for a background response, a summary and a turn is the house's, once each, as others make them again", async () => {
  const tenant = await payer("worker");
  const agentId = await tenant.newAgent();
  const gateway = gatewayOf(system.rest(0, tenant.apiKey), agentId);
  const isSummary = ({ body }: ModelServerRequest) => String(body.messages?.[0]?.content).startsWith("Summarise a part");
  /** The first one is lost. */
  const twice = (first: Reply) => {
    const replies = [first];
    return () => replies.shift() ?? ANSWER;
  };
  system.model.when(isSummary, twice({ hang: true }));
  system.model.when(isTold("in the background"), twice({ tokens: 4_000, delayMs: DELAY_MS }));
  system.model.when(isTold("small"), twice({ hang: true }));
  const { taskId } = (await wholeStream(gateway.stream("one"))).find(isType("task_created")) ?? {};
  // Behind the third turn the first is to be summarised.
  for (const text of ["two", "three"]) expect((await gateway.message(taskId ?? "", { text, run: true })).status).toBe(200);
  const rest = system.rest(0, tenant.apiKey);
  const response = await rest.call("/v1/responses", { body: { model: MODEL, input: "in the background", background: true } });
  const small = wholeStream(gateway.stream("small"));
  await expect.poll(() => notesOf(tenant), { timeout: 10_000 }).toEqual(["beside", "call", "turn"]);
  await Promise.all(system.workers.map((worker) => worker.kill("SIGKILL")));
  await Promise.all(system.workers.map((worker) => worker.restart()));
  await owner`update responses set look_at = now()`;
  expect((await small).find(isType("task_finished"))?.data).toMatchObject({ result: tokenText(ANSWER.tokens) });
  const path = `/v1/responses/${String(at(response.body, "id"))}`;
  await expect.poll(async () => at((await rest.call(path)).body, "status"), { timeout: 20_000 }).toBe("completed");
  const charges = await settled(tenant, (all) => all.filter(({ estimated }) => estimated).length >= 3);
  const lost = charges.filter(({ estimated }) => estimated);
  expect(lost.map(({ payer: by }) => by)).toEqual(["house", "house", "house"]);
  expect(lost.map(({ output }) => output > 0)).toEqual([false, false, true]);
  // Each was made again, and the turns before have ended.
  expect(
    charges.filter(({ payer: by, input, output }) => by === "customer" && input === 33 && output === 21).length,
  ).toBeGreaterThanOrEqual(2);
  expect(new Set(charges.filter(({ payer: by }) => by === "customer").map(({ estimated }) => estimated))).toEqual(new Set([false]));
});
