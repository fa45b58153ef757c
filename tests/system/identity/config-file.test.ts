import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Replica, type System, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

const ORIGIN = "https://app.example.com";
let system: System;
let folder: string;
let path: string;
let api: Replica;
let environment: Record<string, string>;

const write = (limits: string, more = "") =>
  writeFile(path, `limits: { readCallsMax: ${limits} }\nserver: { adminSecret: "\${SECRET_OF_TEST}" }\n${more}`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-config-"));
  path = join(folder, "parley.config.yaml");
  await write("40");
  system = await startSystem({ workers: 0 });
  const { LIMIT_READ_CALLS_MAX: _limit, ADMIN_SECRET: secret = "", ...rest } = system.environment;
  environment = { ...rest, CONFIG_FILE: path, SECRET_OF_TEST: secret };
  api = await startReplica("api", environment);
}, 60_000);
afterAll(async () => {
  await api?.close();
  await system.close();
  await rm(folder, { recursive: true });
});

const ask = (headers: Record<string, string> = {}) =>
  fetch(`${api.url}/v1/tasks`, { headers: { "x-api-key": system.ours.apiKey, ...headers } });
const policy = async (): Promise<string | null> => (await ask()).headers.get("ratelimit-policy");
const isSaid = (message: string, ...words: string[]) =>
  api.process.lines.some((line) => line.message === message && words.every((word) => JSON.stringify(line).includes(word)));
const soon = { timeout: 10_000, interval: 50 };

test("the file sets what the environment does not, with references to it", async () => {
  expect(await policy()).toBe("40;w=60");
  const admin = await fetch(`${api.url}/admin/api-keys?organization_id=${system.ours.organizationId}`, {
    headers: { "x-admin-secret": system.adminSecret },
  });
  expect(admin.status).toBe(200);
});

test("limits and origins are taken up while the api runs; what needs a restart is named", async () => {
  await write("50", "database: { pool: 7 }\n");
  await expect.poll(policy, soon).toBe("50;w=60");
  expect(isSaid("the configuration has changed", "limits.readCallsMax", '"restartNeeded":["database.pool"]')).toBe(true);
  await writeFile(
    path,
    `limits: { readCallsMax: 50 }\nserver: { adminSecret: "\${SECRET_OF_TEST}", corsOrigins: ["${ORIGIN}"], logLevel: debug }\n`,
  );
  await expect.poll(async () => (await ask({ origin: ORIGIN })).headers.get("access-control-allow-origin"), soon).toBe(ORIGIN);
});

test("a file that is wrong changes nothing and is told; SIGHUP looks at it again", async () => {
  await write("many", "nonsense: {}\n");
  await expect.poll(() => isSaid("the configuration file is wrong; what held goes on"), soon).toBe(true);
  expect(await policy()).toBe("50;w=60");
  await write("60");
  api.process.signal("SIGHUP");
  await expect.poll(policy, soon).toBe("60;w=60");
  expect(JSON.stringify(api.process.lines)).not.toContain(system.adminSecret);
});

test("the start with such a file fails and says all that is wrong", async () => {
  const bad = join(folder, "bad.json");
  await writeFile(bad, JSON.stringify({ limits: { readCallsMax: "many", hue: 1 }, server: { adminSecret: "${GONE}" } }));
  await expect(startReplica("api", { ...environment, CONFIG_FILE: bad })).rejects.toThrow(
    /limits.hue[^]*\$\{GONE\}[^]*LIMIT_READ_CALLS_MAX/,
  );
});
