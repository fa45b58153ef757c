import { type AddressInfo, createServer } from "node:net";
import { type System, startApp, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let system: System;
beforeAll(async () => {
  // Empty settings, as compose files pass them, are absent ones: every process starts.
  system = await startSystem({ env: { REDIS_SENTINEL_NAME: "", WORKER_PORT: "", WORKER_QUEUES: "", MODEL_API_KEY: "" } });
});
afterAll(() => system.close());

/** Runs an app that cannot start. Gives how it ended and every line it said. */
async function refusedStart(app: "api" | "worker", environment: Record<string, string>) {
  const process = startApp(app, environment);
  const exit = await process.exited;
  return { exit, lines: process.complaints.trimEnd().split("\n"), said: process.lines };
}

describe("without a credential the process says", () => {
  test("that it lives and that its parts are ready", async () => {
    const rest = system.rest(0, null);
    expect(await rest.call("/health")).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await rest.call("/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
    expect(await rest.call("/ready")).toMatchObject({
      status: 200,
      body: { status: "ready", parts: { postgres: true, redis: true, accepting: true } },
    });
  });

  test("its metrics by their documented names, without ids in their labels", async () => {
    const agent = await system.ours.newAgent();
    await system.rest().call(`/v1/agents/${agent}/gateway/invoke`, { body: { input: { text: "Hello" } } });
    const { status, headers, text } = await system.rest(0, null).call("/metrics");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toMatch(/^text\/plain/);
    for (const name of ["parley_http_request_seconds", "parley_attached_streams", "parley_queue_jobs", "parley_lost_publishes_total"]) {
      expect(text).toContain(`# TYPE ${name} `);
    }
    expect(text).toContain('route="/v1/agents/:agentId/gateway/invoke"');
    expect(text).not.toContain(agent);
  });
});

test("settings that are empty count as absent, for every app", () => {
  for (const { process } of [...system.apis, ...system.workers]) expect(process.hasExited()).toBe(false);
  expect(system.workers[0]?.process.lines.find(({ message }) => message === "worker started")).not.toHaveProperty("port");
});

describe("an app does not start", () => {
  test("with a wrong configuration, and says all that is wrong at once", async () => {
    const wrong = { DATABASE_URL: "mysql://nowhere", REDIS_URL: "nowhere", PORT: "70000", LOG_LEVEL: "loud" };
    const wrongWorker = { LEASE_MS: "1", HEARTBEAT_MS: "5000", WORKER_QUEUES: "none" };
    const [api, worker] = await Promise.all([refusedStart("api", wrong), refusedStart("worker", wrongWorker)]);
    expect(api.exit).toEqual({ code: 1, signal: null });
    expect(api.lines).toHaveLength(5);
    for (const name of Object.keys(wrong)) expect(api.lines.join("\n")).toContain(`  ${name}: `);
    expect(api.lines.join("\n")).not.toContain("    at ");

    expect(worker.exit).toEqual({ code: 1, signal: null });
    for (const name of ["DATABASE_URL", "DATABASE_SWEEP_URL", "LEASE_MS", "WORKER_QUEUES"]) {
      expect(worker.lines.join("\n")).toMatch(new RegExp(`  ${name}[.:]`));
    }
  });

  test("open to everyone on an address that others can reach", async () => {
    const open = { AUTH_DISABLED: "true", DEFAULT_ORGANIZATION_ID: system.ours.organizationId };
    const { exit, lines } = await refusedStart("api", { ...system.environment, ...open, HOST: "0.0.0.0" });
    expect(exit.code).toBe(1);
    expect(lines.join("\n")).toContain("AUTH_DISABLED: Is for development");
  });

  test("on a port that is taken: one line says so", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const starts = [
        ["api", "PORT"],
        ["worker", "WORKER_PORT"],
      ] as const;
      for (const { exit, lines, said } of await Promise.all(
        starts.map(([app, setting]) => refusedStart(app, { ...system.environment, [setting]: String(port) })),
      )) {
        expect(exit).toEqual({ code: 1, signal: null });
        expect(lines).toHaveLength(1);
        expect(lines[0]).toContain(String(port));
        expect(said).toEqual([]);
      }
    } finally {
      other.close();
    }
  });
});

test("without the operator's secret and a key for secrets, the api serves, and what needs one of them says which to set", async () => {
  const api = await startReplica("api", { ...system.environment, ADMIN_SECRET: "", SECRETS_KEY: "" });
  try {
    const refusalOf = async (path: string, init: RequestInit) => {
      const response = await fetch(`${api.url}${path}`, init);
      return [response.status, await response.json()];
    };
    const headers = { "x-api-key": system.ours.apiKey, "content-type": "application/json" };
    expect(await refusalOf("/admin/api-keys", { headers: { "x-admin-secret": system.adminSecret } })).toEqual([
      503,
      {
        error: expect.objectContaining({
          code: "admin_not_configured",
          message: "Admin authentication is not configured: set ADMIN_SECRET.",
        }),
      },
    ]);
    const hook = JSON.stringify({ name: "made", mappings: [{ agentId: await system.ours.newAgent() }] });
    expect(await refusalOf("/trpc/hook.create", { method: "POST", headers, body: hook })).toEqual([
      503,
      {
        error: expect.objectContaining({
          message: "Secrets cannot be kept here: set SECRETS_KEY.",
          data: expect.objectContaining({ code: "secrets_not_configured" }),
        }),
      },
    ]);
    expect((await fetch(`${api.url}/v1/tasks`, { headers })).status).toBe(200);
  } finally {
    await api.close();
  }
});

test("an api whose Postgres is away is alive and not ready", async () => {
  const nowhere = new URL(system.environment["DATABASE_URL"] ?? "");
  nowhere.port = "1";
  const process = startApp("api", { ...system.environment, DATABASE_URL: nowhere.href });
  const url = (await process.said("the front door is open")).url ?? "";
  try {
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const ready = await fetch(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: "not_ready", parts: { postgres: false, redis: true } });
    const call = await fetch(`${url}/v1/tasks`, { headers: { "x-api-key": system.ours.apiKey } });
    expect(call.status).toBe(503);
    expect(await call.json()).toEqual({ detail: "The gateway is briefly unavailable." });
  } finally {
    process.signal("SIGTERM");
    expect(await process.exited).toEqual({ code: 0, signal: null });
  }
});

test("told to stop, every process ends by itself with code 0 and without complaints", async () => {
  for (const replica of [...system.apis, ...system.workers]) {
    expect(await replica.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(replica.process.complaints).toBe("");
  }
});
