import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { FAN_OUT } from "../harness/scripts.ts";
import { freePort } from "../services/free-port.ts";
import { startProcess } from "../services/start-process.ts";
import { createTenant, type Ours } from "./ours.ts";
import { seedOurs } from "./seed-ours.ts";
import type { Services } from "./started-target.ts";

const APPS = new URL("../../../apps/", import.meta.url);
const CONCURRENCY = "250";
const APP_PASSWORD = "bench-app";
const SWEEP_PASSWORD = "bench-sweep";

export interface StartedOurs {
  ours: Ours;
  stop(): Promise<void>;
}

const program = (app: string): string => fileURLToPath(new URL(`${app}/src/main.ts`, APPS));

function asRole(ownerUrl: string, role: string, password: string): string {
  const url = new URL(ownerUrl);
  url.username = role;
  url.password = password;
  return url.href;
}

/**
 * The product as it runs, under a name of its own: migrated database, one api, one worker, a key, and an agent for every script. `settings`
 * are its own.
 */
export async function startOurs(services: Services, name: string, settings: Record<string, string> = {}): Promise<StartedOurs> {
  const { migrate } = await import("@parley/db");
  const ownerUrl = await services.newDatabase(name);
  await migrate({ ownerUrl, appPassword: APP_PASSWORD, sweepPassword: SWEEP_PASSWORD });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const adminSecret = randomBytes(24).toString("hex");
  const env = {
    NODE_ENV: "production",
    // As `npm start` and the images run it: what was compiled once is not compiled again.
    NODE_COMPILE_CACHE: join(tmpdir(), "parley-bench-compile-cache"),
    LOG_LEVEL: "warn",
    DATABASE_URL: asRole(ownerUrl, "parley_app", APP_PASSWORD),
    DATABASE_SWEEP_URL: asRole(ownerUrl, "parley_sweep", SWEEP_PASSWORD),
    REDIS_URL: services.redisUrl,
    REDIS_PREFIX: name,
    HOST: "127.0.0.1",
    PORT: String(port),
    ADMIN_SECRET: adminSecret,
    // All load comes from one caller.
    LIMIT_STREAMS_PER_CALLER_MAX: "1000000",
    LIMIT_CALLS_PER_STEP_MAX: String(FAN_OUT.calls),
    LIMIT_READ_CALLS_MAX: "1000000000",
    LIMIT_WRITE_CALLS_MAX: "1000000000",
    LIMIT_TURN_CALLS_MAX: "1000000000",
    LIMIT_STREAM_CALLS_MAX: "1000000000",
    EGRESS_ALLOW: new URL(services.upstreamUrl).host,
    MODEL_BASE_URL: `${services.upstreamUrl}/v1`,
    MODEL_API_KEY: "bench",
    WORKER_CONCURRENCY: CONCURRENCY,
    ...settings,
  };
  const api = await startProcess("The api", [program("api")], { env, ready: { port, check: () => answers(`${origin}/health`) } });
  const startWorker = async () => {
    const metricsPort = await freePort();
    const check = () => answers(`http://127.0.0.1:${metricsPort}/metrics`);
    const own = { ...env, WORKER_PORT: String(metricsPort) };
    return startProcess("The worker", [program("worker")], { env: own, ready: { port: metricsPort, check } });
  };
  const worker = await startWorker();
  const owner = postgres(ownerUrl, { max: 1 });
  const unfinished = async () => {
    const [row] = await owner<{ count: number }[]>`select count(*)::int as count from conversations where state in ('ready', 'running')`;
    return row?.count ?? 0;
  };
  const held = async () => {
    const rows = await owner<{ count: number }[]>`
      select count(*)::int as count from conversations where state = 'running' group by lease_owner`;
    return rows.map(({ count }) => count);
  };
  const stop = async () => {
    await worker.stop();
    await api.stop();
    await owner.end();
  };
  const tenant = async () => createTenant({ origin, ...(await seedOurs(origin, adminSecret)), api, worker });
  try {
    return {
      ours: {
        ...(await tenant()),
        neighbour: await tenant(),
        api,
        worker,
        startWorker,
        unfinished,
        held,
        owner,
        ownerUrl,
        databaseUrl: env.DATABASE_URL,
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
