import { createClient, type StreamItem } from "@parley/client";
import { type Cursor, compareCursors } from "@parley/contracts";
import { at, type Exit, type System, startSystem, startTcpSwitch, tokenText } from "@parley/testkit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "./support/gateway-paths.ts";
import { isType, readChunks, readUntil, textOf, typesOf, wholeStream } from "./support/read-rest.ts";

const LEASE_MS = 2_000;
const GRACE_MS = 300;
const TOKENS = 150;
/** What a busy machine may add to what is promised. */
const SLACK_MS = 4_000;

let system: System;
let agent: string;
beforeAll(async () => {
  system = await startSystem({ apis: 2, workers: 2, leaseMs: LEASE_MS, env: { WORKER_GRACE_MS: String(GRACE_MS), API_GRACE_MS: "30000" } });
  agent = await system.ours.newAgent();
  system.model.when(({ lastUserText }) => lastUserText.startsWith("count"), { tokens: TOKENS, delayMs: 10 });
});
afterAll(() => system.close());
afterEach(async () => {
  const gone = [...system.apis, ...system.workers].filter((replica) => replica.process.hasExited());
  await Promise.all(gone.map((replica) => replica.restart()));
});

const gateway = (api = 0, of = agent) => gatewayOf(system.rest(api), of);
const callsAbout = (text: string) => system.model.journal.filter(({ body }) => body.messages?.at(-1)?.content === text);
const report = (what: string, ms: number): void => console.info(`measured: ${what}: ${ms} ms`);

async function workerOf(conversationId: string) {
  const worker = await system.workerOf(conversationId);
  if (!worker) throw new Error("No worker runs the turn.");
  return worker;
}

/** A turn of many tokens, `chunks` of which have come through the first api. */
async function runningTurn(text: string, chunks = 15) {
  const stream = gateway().stream(text);
  const seen = await readChunks(stream, chunks);
  return { stream, seen, id: seen.find(isType("task_created"))?.taskId ?? "" };
}

test("a worker that is killed in mid-turn is followed by another within the lease and 2 s; the turn ends once, and no step that was done is done again", async () => {
  const joker = await system.ours.newAgent({ name: "Joker", description: "Tells jokes" });
  const router = await system.ours.newAgent({ name: "Router", subAgents: [{ agentId: joker as never, mode: "sync" }] });
  const query = "one about a cat";
  system.model.when(({ lastUserText }) => lastUserText === query, { text: ["A cat ", "walks in."] });
  system.model.when(({ lastUserText, body }) => lastUserText === "joke" && !body.messages?.some(({ role }) => role === "tool"), {
    toolCalls: [{ name: "joker", arguments: { query } }],
  });
  system.model.when(({ lastUserText }) => lastUserText === "joke", { tokens: TOKENS, delayMs: 10 });

  const stream = gateway(0, router).stream("joke");
  const first = await readUntil(stream, isType("tool_call_result"));
  const id = first.find(isType("task_created"))?.taskId ?? "";
  const partial = await readChunks(stream, 15);
  const killedAtMs = Date.now();
  await (await workerOf(id)).kill("SIGKILL");

  const until = await readUntil(stream, isType("attempt_superseded"));
  const takeoverMs = Date.now() - killedAtMs;
  report(`kill -9 of a worker to the next attempt, lease ${LEASE_MS} ms`, takeoverMs);
  expect(takeoverMs).toBeLessThan(LEASE_MS + 2_000 + SLACK_MS);
  const superseded = until.at(-1)?.data;
  expect(superseded).toMatchObject({ attempt: 1, next_attempt: 2, reason: "lease_lost" });
  const discarded = [...first, ...partial, ...until].filter(
    ({ id }) => id !== null && compareCursors(id as Cursor, at(superseded, "discard_from") as Cursor) >= 0,
  );
  expect(textOf(discarded, id)).toBe(textOf([...partial, ...until], id));

  const rest = await wholeStream(stream);
  expect(typesOf(rest).filter((type) => type !== "chunk")).toEqual(["task_updated", "turn_started", "task_finished", "turn_finished"]);
  expect(textOf(rest, id)).toBe(tokenText(TOKENS));
  expect(rest.find(isType("task_finished"))?.data).toMatchObject({ status: "completed", result: tokenText(TOKENS), execution_attempts: 2 });

  const [dispatch, broken, again, ...more] = system.model.journal.filter(({ body }) => Array.isArray(body.tools));
  expect(more).toEqual([]);
  expect(dispatch).toMatchObject({ outcome: "finished" });
  expect(broken).toMatchObject({ outcome: "aborted" });
  expect(again).toMatchObject({ outcome: "finished", body: { messages: broken?.body.messages } });
  expect(callsAbout(query)).toHaveLength(1);
});

test("a worker that is told to stop gives its turn back: another goes on within a second, and the queue is whole", async () => {
  const { stream, id } = await runningTurn("count for the one who leaves");
  for (const text of ["second", "third"]) expect((await gateway(1).message(id, { text })).body).toMatchObject({ action: "queued" });
  const worker = await workerOf(id);
  const toldAtMs = Date.now();
  const exit = worker.kill("SIGTERM");
  const until = await readUntil(stream, isType("attempt_superseded"));
  const claimedMs = Date.now() - toldAtMs - GRACE_MS;
  report(`SIGTERM of a worker to the next attempt, after its grace of ${GRACE_MS} ms`, claimedMs);
  expect(claimedMs).toBeLessThan(1_000 + SLACK_MS);
  expect(until.at(-1)?.data).toMatchObject({ reason: "shutdown", attempt: 1, next_attempt: 2 });
  const rest = await wholeStream(stream);
  expect(textOf(rest, id).startsWith(tokenText(TOKENS))).toBe(true);
  expect(rest.filter(isType("task_finished")).map(({ data }) => [at(data, "input", "text"), at(data, "status")])).toEqual([
    ["count for the one who leaves", "completed"],
    ["second", "completed"],
    ["third", "completed"],
  ]);
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(callsAbout("count for the one who leaves")).toMatchObject([{ outcome: "aborted" }, { outcome: "finished" }]);
});

test("an api that is killed takes nothing with it: its reader resumes on the other", async () => {
  const { stream, seen, id } = await runningTurn("count past a dead door");
  await system.apis[0]?.kill("SIGKILL");
  // What was on its way already may still come.
  await expect(readUntil(stream, (event) => seen.push(event) === 0)).rejects.toThrow();
  const rest = await readUntil(gateway(1).events(id, seen.at(-1)?.id), isType("turn_finished"));
  expect(textOf([...seen, ...rest], id)).toBe(tokenText(TOKENS));
  expect(callsAbout("count past a dead door")).toHaveLength(1);
});

/** Asks through a balancer and reads to the end. `onBegun` once text flows. */
async function asksWhileMoved(transport: "sse" | "websocket", onBegun: () => void) {
  const balancer = await startTcpSwitch(system.apis.map(({ url }) => url));
  const client = createClient({ url: balancer.url, apiKey: system.ours.apiKey, transport });
  try {
    const seen: StreamItem[] = [];
    for await (const item of client.ask({ agentId: agent, text: `count over ${transport}` })) {
      seen.push(item);
      if (seen.length === 10) onBegun();
    }
    return { seen, connections: balancer.connections() };
  } finally {
    await client.close();
    await balancer.close();
  }
}

test("an api that is told to stop asks its readers to come back, and they miss nothing on the other", async () => {
  let begun = 0;
  let exit: Promise<Exit> | undefined;
  let toldAtMs = 0;
  let exitedMs = 0;
  // Once all of them have read some text.
  const onBegun = (): void => {
    if (++begun < 3) return;
    toldAtMs = Date.now();
    exit = system.apis[0]?.kill("SIGTERM").finally(() => {
      exitedMs = Date.now() - toldAtMs;
    });
  };
  const [rest, ...clients] = await Promise.all([
    runningTurn("count past a closing door").then(async ({ stream, seen, id }) => {
      onBegun();
      return { seen: [...seen, ...(await wholeStream(stream))], id };
    }),
    asksWhileMoved("sse", onBegun),
    asksWhileMoved("websocket", onBegun),
  ]);

  const [told, last] = rest.seen.slice(-2);
  expect(last).toMatchObject({ type: "error", id: told?.id, data: { code: "stream_ended", status: 503, retry: true } });
  const missed = await readUntil(gateway(1).events(rest.id, last?.id), isType("turn_finished"));
  expect(textOf([...rest.seen, ...missed], rest.id)).toBe(tokenText(TOKENS));

  for (const { seen, connections } of clients) {
    expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: tokenText(TOKENS) } });
    expect(seen.flatMap((item) => (item.type === "turn.delta" ? [item.data.text] : [])).join("")).toBe(tokenText(TOKENS));
    expect(connections).toBeGreaterThan(1);
  }
  expect(await exit).toEqual({ code: 0, signal: null });
  // Its grace is for requests under way, and connections that are idle again are none.
  report("SIGTERM of an api with streams to its end", exitedMs);
  expect(exitedMs).toBeLessThan(15_000);
});
