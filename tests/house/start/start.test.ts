import { randomBytes } from "node:crypto";
import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, afterEach, expect, inject, test } from "vitest";
import { freePort } from "../../../scripts/services/free-port.ts";
import { waitUntil } from "../../../scripts/services/wait-until.ts";
import { createCheckout, isRunning, pathWithout, type Run } from "./checkout.ts";

const START_MS = 180_000;
const checkout = createCheckout();
let running: Run | null = null;

afterEach(async () => {
  running?.signal("SIGTERM");
  await running?.ended;
  running = null;
});
afterAll(() => checkout.remove());

async function startReady(): Promise<Run> {
  running = checkout.start();
  await running.untilSays("Parley is ready");
  return running;
}

/** A start that must refuse: with that one line, a code that is not 0, and nothing left running. Gives all it said. */
async function expectRefusal(environment: NodeJS.ProcessEnv, line: RegExp): Promise<string> {
  const run = checkout.start(environment);
  expect(await run.ended).toBe(1);
  expect(run.output().trim().split("\n").at(-1)).toMatch(line);
  expect(run.output()).not.toMatch(/^\s+at /m);
  return run.output();
}

test("a fresh checkout holds a conversation, tells how to go on, and serves until it is stopped", { timeout: START_MS }, async () => {
  const run = await startReady();
  for (const step of ["Postgres", "Redis", "Migrations", "Example peers", "Gateway (api)", "Worker", "Key and example agents"]) {
    expect(run.output()).toMatch(new RegExp(`^ {2}${step.replace(/[()]/g, "\\$&")} .* \\d+\\.\\d s$`, "m"));
  }
  expect(run.output()).toMatch(/You +Tell me a joke\n +Parley +→ Joker\n +Joker +\S/);

  const { url, apiKey, agentId, adminSecret } = checkout.local();
  expect(statSync(join(checkout.folder, ".parley", "local.json")).mode & 0o777).toBe(0o600);
  expect(adminSecret).not.toBe("");
  for (const word of [url, apiKey, agentId]) expect(run.output()).toContain(word);
  expect((await fetch(`${url}/health`)).status).toBe(200);

  // Whoever looks for an agent at this address finds the default one.
  const card = await fetch(`${url}/.well-known/agent-card.json`);
  expect(await card.json()).toMatchObject({ name: "Parley", supportedInterfaces: [{ url: `${url}/a2a/agents/${agentId}` }, {}, {}, {}] });

  // The example peers are in the registry, and a plan may call one by the name of this machine.
  const listed = await fetch(`${url}/trpc/peer.list`, { headers: { "x-api-key": apiKey } });
  const { items } = ((await listed.json()) as { result: { data: { items: { name: string; endpoint: string }[] } } }).result.data;
  expect(items.map(({ name }) => name).sort()).toEqual(["Joke agent", "Research agent"]);
  const endpoint = items.find(({ name }) => name === "Joke agent")?.endpoint.replace("127.0.0.1", "localhost");
  const planned = await fetch(`${url}/plan`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      question: "Tell me a joke about queues",
      agents: [{ name: "joke", endpoint, skills: [{ id: "tell-joke", description: "Tells one joke" }] }],
    }),
  });
  expect(await planned.text()).toMatch(/event: task\.finished\ndata: .*"state":"completed"/);

  const children = checkout.children();
  expect(children.map(({ name }) => name).sort()).toEqual(["Postgres", "Redis", "api", "joke-agent", "research-agent", "worker"]);
  run.signal("SIGINT");
  expect(await run.ended).toBe(0);
  expect(children.filter(isRunning)).toEqual([]);
});

test.each(["SIGINT", "SIGTERM"] as const)("%s to npm alone stops everything", { timeout: START_MS }, async (signal) => {
  running = checkout.npmStart();
  await running.untilSays("Parley is ready");
  const children = checkout.children();
  running.signal(signal);
  await running.ended;
  expect(running.output()).toContain("Stopping what was started");
  expect(children).toHaveLength(6);
  expect(children.filter(isRunning)).toEqual([]);
});

test("a second start keeps key, agent and data", { timeout: START_MS }, async () => {
  const before = checkout.local();
  writeFileSync(join(checkout.folder, ".env.local"), "GATEWAY_API_KEY=from-env-local\n");
  const run = await startReady();
  expect(run.output()).toContain("kept");
  const { apiKey, agentId, adminSecret } = checkout.local();
  expect({ apiKey, agentId, adminSecret }).toEqual({ apiKey: before.apiKey, agentId: before.agentId, adminSecret: before.adminSecret });

  // What `.env.local` says holds, too: its key may plan.
  const plan = await fetch(`${checkout.local().url}/plan`, {
    method: "POST",
    headers: { authorization: "Bearer from-env-local" },
    body: JSON.stringify({ question: "Hello" }),
  });
  const told = await plan.text();
  // And it sees what the start has made: one organization has the example agents, the peers and this key.
  const headers = { authorization: "Bearer from-env-local" };
  const seen = (procedure: string) => fetch(`${checkout.local().url}/trpc/${procedure}`, { headers }).then((answer) => answer.text());
  expect(JSON.parse(await seen("agent.list")).result.data.items.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(["Joker", "Parley"]),
  );
  expect(JSON.parse(await seen("peer.list")).result.data).toMatchObject({ total: 2 });
  rmSync(join(checkout.folder, ".env.local"));
  expect([plan.status, /^event: (\S+)/gm[Symbol.match](told)?.at(-1)]).toEqual([200, "event: done"]);
});

test("a checkout runs once: another start is refused and the first goes on", { timeout: START_MS }, async () => {
  await startReady();
  await expectRefusal({}, /already runs in this checkout/);
  expect((await fetch(`${checkout.local().url}/health`)).status).toBe(200);
});

test("what a killed start left running is stopped by the next one, which works", { timeout: START_MS }, async () => {
  const killed = await startReady();
  const left = checkout.children();
  killed.signal("SIGKILL");
  await killed.ended;
  expect(left.filter(isRunning)).toHaveLength(6);

  const run = await startReady();
  expect(run.output()).toContain("stopping what a killed start left");
  expect(left.filter(isRunning)).toEqual([]);
});

test("a part that dies is named, the others are stopped, the code is not 0", { timeout: START_MS }, async () => {
  const run = await startReady();
  const children = checkout.children();
  const redis = children.find(({ name }) => name === "Redis");
  process.kill(redis?.pid ?? 0, "SIGKILL");
  expect(await run.ended).toBe(1);
  expect(run.output()).toContain("Redis ended by itself (signal SIGKILL)");
  expect(children.filter(isRunning)).toEqual([]);
});

test("a Postgres and a Redis of the user's are used, and left running", { timeout: START_MS }, async () => {
  const database = `start_${randomBytes(6).toString("hex")}`;
  const owner = postgres(inject("postgresAdminUrl"), { max: 1 });
  await owner`create database ${owner(database)}`;
  const own = createCheckout();
  const run = own.start({
    DATABASE_URL: inject("postgresAdminUrl").replace(/[^/]*$/, database),
    DATABASE_APP_PASSWORD: inject("appPassword"),
    DATABASE_SWEEP_PASSWORD: inject("sweepPassword"),
    REDIS_URL: inject("redisUrl"),
    REDIS_PREFIX: database,
  });
  await run.untilSays("Parley is ready");
  expect(run.output()).toMatch(/Postgres +yours/);
  expect(run.output()).toMatch(/Redis +yours/);
  expect(
    own
      .children()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(["api", "joke-agent", "research-agent", "worker"]);
  await own.remove();
  expect(await owner`select 1 as alive`).toMatchObject([{ alive: 1 }]);
  await owner`drop database ${owner(database)} with (force)`;
  await owner.end();
});

test("a port that was asked for and is taken is one line", { timeout: START_MS }, async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await waitUntil(() => server.listening, 5_000);
  const address = server.address();
  const port = typeof address === "object" ? String(address?.port) : "";
  await expectRefusal({ PORT: port }, new RegExp(`^Port ${port} .* is taken`));
  server.close();
});

test("a Redis or Postgres of the user's that does not answer is one line, and nothing is started", { timeout: START_MS }, async () => {
  const port = String(await freePort());
  const place = `127[.]0[.]0[.]1:${port}`;
  const refusals = [
    [{ REDIS_URL: `redis://:hidden@127.0.0.1:${port}` }, `^Redis cannot be used on ${place}, named by REDIS_URL: .*ECONNREFUSED`],
    [{ DATABASE_URL: `postgres://me:hidden@127.0.0.1:${port}/x` }, `^Postgres cannot be used on ${place}, named by DATABASE_URL: `],
    [{ DB_HOST: "127.0.0.1", DB_PORT: port, DB_PASSWORD: "hidden" }, `^Postgres .* ${place}, named by DB_HOST, DB_PORT, DB_PASSWORD: `],
    [{ REDIS_URL: inject("redisUrl").replace(/:[^:@]*@/, ":hidden@") }, "^Redis cannot be used on .*, named by REDIS_URL: WRONGPASS"],
    [{ REDIS_URL: "hidden" }, "^REDIS_URL is not an address"],
  ] as const;
  for (const [environment, line] of refusals) {
    const output = await expectRefusal(environment, new RegExp(line));
    expect(output).not.toContain("hidden");
    expect(output.trim().split("\n")).toHaveLength(1);
  }
});

test("settings that the worker refuses are one line that lists what is wrong", { timeout: START_MS }, async () => {
  const output = await expectRefusal(
    { LEASE_MS: "abc", HEARTBEAT_MS: "1" },
    /^The worker did not start: The configuration is wrong: LEASE_MS: .+; HEARTBEAT_MS: .+worker\.log\)$/,
  );
  expect(output).not.toContain("takes work");
});

test("a start goes on though the apps are told to log little", { timeout: START_MS }, async () => {
  running = checkout.start({ LOG_LEVEL: "error" });
  await running.untilSays("Parley is ready");
});

test("a broken data folder is one line", { timeout: START_MS }, async () => {
  const version = join(checkout.folder, ".parley", "postgres", "PG_VERSION");
  renameSync(version, `${version}.away`);
  await expectRefusal({}, /^The data folder .* is broken/);
  renameSync(`${version}.away`, version);
});

test("a missing Redis that may not be installed is one line that says what to do", { timeout: START_MS }, async () => {
  const PATH = pathWithout(["redis-server", "valkey-server"], checkout.folder);
  await expectRefusal({ PATH, PARLEY_NO_SYSTEM_INSTALL: "1" }, /^Redis is missing: install redis-server .* REDIS_URL/);
});
