import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOUNDS, RATE_BUCKETS, settingOf } from "@parley/contracts";
import { type ModelServer, startModelServer } from "../model-server/model-server.ts";
import { startToolServer, type ToolServer } from "../tool-server/tool-server.ts";
import { type DatabaseServer, freshDatabase, freshRedis } from "../world/fresh-database.ts";
import { openOwnerView } from "./owner-view.ts";
import { type Replica, startReplica } from "./replica.ts";
import { createRestClient, type RestClient } from "./rest-client.ts";
import { createTenant, type Tenant } from "./tenant.ts";

export interface SystemOptions {
  /** Default 1. */
  apis?: number;
  /** Default 1. */
  workers?: number;
  leaseMs?: number;
  heartbeatMs?: number;
  /** Instead of the Redis that all tests share. */
  redisUrl?: string;
  /** Instead of the Postgres that all tests share. */
  server?: DatabaseServer;
  /** Exact `host:port`s that may be called besides the model and the tools. */
  allow?: string[];
  /** Over what is set here, for every process. */
  env?: Record<string, string>;
}

/** The product as it runs: real processes, a database and a Redis prefix of its own, a scripted model and tools in the test's process. */
export interface System {
  apis: Replica[];
  workers: Replica[];
  model: ModelServer;
  /** Where tools of agents may stand. */
  tools: ToolServer;
  /** Whose key and agents the tests use. */
  ours: Tenant;
  adminSecret: string;
  ownerUrl: string;
  /** What a process of this system is started with. */
  environment: Record<string, string>;
  newTenant(name: string): Promise<Tenant>;
  /** The api of this number with our key, or with another's, or with none. */
  rest(api?: number, apiKey?: string | null): RestClient;
  rowCounts(): Promise<Record<string, number>>;
  /** The worker that runs the conversation's turn; null where none does, or a dead one did. */
  workerOf(conversationId: string): Promise<Replica | null>;
  close(): Promise<void>;
}

/** Tests ask as fast as they can, all from one address; those of the limits themselves set their own. */
export const UNCOUNTED = Object.fromEntries(
  ([...Object.values(RATE_BUCKETS), "badCredentialsMax", "rpcCallsPerWindowMax"] as const).map((bound) => [
    settingOf(bound),
    String(BOUNDS[bound].ceiling),
  ]),
);

const many = (count: number, start: () => Promise<Replica>): Promise<Replica>[] => Array.from({ length: count }, start);

/** Starts everything and waits until it serves; where something fails, what was started before is ended. */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const { apis = 1, workers = 1, leaseMs = 10_000, heartbeatMs = 300, allow = [], env = {} } = options;
  const opened = new AsyncDisposableStack();
  try {
    const database = await freshDatabase(options.server);
    opened.defer(() => database.drop());
    const model = await startModelServer();
    opened.defer(() => model.close());
    const tools = await startToolServer();
    opened.defer(() => tools.close());
    const view = openOwnerView(database.ownerUrl);
    opened.defer(() => view.close());
    const folder = await mkdtemp(join(tmpdir(), "parley-media-"));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const { redisUrl, redisPrefix } = freshRedis();
    const adminSecret = randomBytes(16).toString("hex");
    const environment = {
      DATABASE_URL: database.url,
      DATABASE_SWEEP_URL: database.sweepUrl,
      REDIS_URL: options.redisUrl ?? redisUrl,
      REDIS_PREFIX: redisPrefix,
      ADMIN_SECRET: adminSecret,
      HOST: "127.0.0.1",
      PORT: "0",
      LEASE_MS: String(leaseMs),
      HEARTBEAT_MS: String(heartbeatMs),
      LOG_LEVEL: "info",
      ...UNCOUNTED,
      EGRESS_ALLOW: [model.host, tools.host, ...allow].join(),
      MODEL_BASE_URL: model.url,
      MEDIA_DIR: folder,
      SECRETS_KEY: randomBytes(32).toString("base64"),
      ...env,
    };
    const starting = [...many(apis, () => startReplica("api", environment)), ...many(workers, () => startReplica("worker", environment))];
    opened.defer(async () => {
      const started = await Promise.allSettled(starting);
      await Promise.all(started.flatMap((one) => (one.status === "fulfilled" ? [one.value.close()] : [])));
    });
    const replicas = await Promise.all(starting);
    const doors = replicas.slice(0, apis);
    const engines = replicas.slice(apis);
    const urlOf = (api: number): string => doors[api]?.url ?? "";
    const newTenant = (name: string): Promise<Tenant> => createTenant(urlOf(0), adminSecret, name);
    const ours = await newTenant("ours");
    const close = opened.move();
    return {
      apis: doors,
      workers: engines,
      model,
      tools,
      ours,
      adminSecret,
      ownerUrl: database.ownerUrl,
      environment,
      newTenant,
      rest: (api = 0, apiKey = ours.apiKey) => createRestClient(urlOf(api), apiKey),
      rowCounts: () => view.rowCounts(),
      async workerOf(conversationId) {
        const owner = await view.leaseOwner(conversationId);
        return engines.find(({ process }) => !process.hasExited() && owner?.includes(`-${process.pid}-`)) ?? null;
      },
      close: () => close.disposeAsync(),
    };
  } catch (error) {
    await opened.disposeAsync();
    throw error;
  }
}
