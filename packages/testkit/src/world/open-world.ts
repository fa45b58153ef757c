import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Agent,
  type AgentConfigInput,
  agentConfig,
  LIMITS,
  type Limits,
  SCOPES,
  type SubmitInput,
  submitInput,
} from "@parley/contracts";
import { openDatabase, openSweepStore } from "@parley/db";
import {
  type BlobStore,
  type Caller,
  createEngine,
  createGateway,
  type Engine,
  type EngineMetrics,
  type FrontDoor,
  type JobQueue,
  type LiveTail,
  systemClock,
} from "@parley/domain";
import { createEgress } from "@parley/egress";
import { createLiveTail } from "@parley/events";
import { createAuthenticator, createVault, hashApiKey, makeApiKey, makeSession } from "@parley/identity";
import { mediaSettings, openBlobStore } from "@parley/media";
import { createDirectModels, createModels } from "@parley/model";
import {
  createDidResolver,
  createGatewayProbe,
  createOpenclawClient,
  createPeerClient,
  createSignatureCheck,
  createTokenProvider,
  peersByProtocol,
} from "@parley/peers";
import { createJobQueue, createJobWorker, type JobWorker } from "@parley/queue";
import { createHttpTools } from "@parley/tools";
import { checkSignature, createSender } from "@parley/webhooks";
import postgres from "postgres";
import { type ModelServer, startModelServer } from "../model-server/model-server.ts";
import { startToolServer, type ToolServer } from "../tool-server/tool-server.ts";
import { forgetRedis } from "./forget-redis.ts";
import { createFreezer } from "./freezer.ts";
import { freshDatabase, freshRedis } from "./fresh-database.ts";
import { quietLog } from "./quiet-log.ts";

export interface WorldOptions {
  /** Engines with a BullMQ worker each. Default 1. */
  workers?: number;
  leaseMs?: number;
  heartbeatMs?: number;
  concurrency?: number;
  /** Bounds other than the standard ones. */
  limits?: Partial<Limits>;
  /** False: nothing is run or swept until `startWorkers`. Default true. */
  started?: boolean;
  /** What the front doors give their orders to instead: to lose one on its way, or to count them. Workers keep the real one. */
  doorQueue?: JobQueue;
  /** Exact `host:port`s of peers that may be called. */
  allow?: string[];
  /** Models that only the fallback prices may not be called. */
  refuseUnpriced?: boolean;
  /** What is told of the engines' work. */
  metrics?: Partial<EngineMetrics>;
}

/** One worker process of the world. */
export interface WorldWorker {
  engine: Engine;
  jobs: JobWorker;
  /** Nothing of it reaches Postgres or Redis any more: for everyone else it is dead. */
  freeze(): void;
  /** It wakes and goes on where it was, as a zombie does. */
  thaw(): void;
}

type Gateway = FrontDoor["gateway"];

export interface World {
  gateway: Gateway;
  responses: FrontDoor["responses"];
  /** A second front door over the same database and Redis, as another replica would be. */
  otherGateway: Gateway;
  engines: Engine[];
  workers: WorldWorker[];
  startWorkers(): Promise<void>;
  /** Readers attached to either front door. */
  attached(): number;
  /** Messages of what was warned about or went wrong. */
  complaints: string[];
  model: ModelServer;
  /** Where tools of the world's agents may stand. */
  tools: ToolServer;
  /** May do everything in the world's organization. */
  caller: Caller;
  /** The same, in another organization. */
  stranger: Caller;
  database: ReturnType<typeof openDatabase>;
  /** Where files lie: a folder of this world's own. */
  blobs: BlobStore;
  /** Around the application: as the superuser, and as the roles of application and sweep. */
  sql: Record<"owner" | "app" | "sweep", postgres.Sql>;
  /** Deletes all that this world has in Redis, orders included. Returns how many keys there were. */
  forgetRedis(): Promise<number>;
  /** An agent on the scripted model. */
  agent(config?: AgentConfigInput & { name?: string; description?: string }): Promise<Agent>;
  input(agent: { id: string }, text: string, more?: Partial<SubmitInput>): SubmitInput;
  close(): Promise<void>;
}

const UNMEASURED: EngineMetrics = {
  turnEnded: () => undefined,
  firstToken: () => undefined,
  leaseTakenOver: () => undefined,
  summaryEnded: () => undefined,
  usageSetAside: () => undefined,
  settlementsDue: () => undefined,
  booksSeen: () => undefined,
};

function startHash() {
  const hash = createHash("sha256");
  return { update: (chunk: Uint8Array) => void hash.update(chunk), digest: () => hash.digest("hex") };
}

function makeToken() {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: createHash("sha256").update(token).digest("hex") };
}

/** The whole gateway in this process: real Postgres, real Redis, real queues, and a scripted model and tools over real HTTP. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { workers = 1, leaseMs = 10_000, heartbeatMs = 200, concurrency = 50, started = true } = options;
  const [fresh, model, tools] = await Promise.all([freshDatabase(), startModelServer(), startToolServer()]);
  const { redisUrl: url, redisPrefix: prefix } = freshRedis();
  const log = quietLog();
  const limits = { ...LIMITS, ...options.limits };
  const shared = { prepare: true, applicationName: "test" };
  const database = openDatabase({ ...shared, url: fresh.url, pool: 10 });
  const egress = createEgress({ allow: [model.host, tools.host, ...(options.allow ?? [])] });
  const providers = [{ name: "test", baseUrl: model.url, apiKey: null, outputLimit: "max_tokens" as const }];
  const models = createModels({ providers, fetch: egress.fetch });
  const credentials = {
    findSecret: () => null,
    ...{ tokens: createTokenProvider({ fetch: egress.fetch }), identity: null, hydra: null, now: Date.now },
  };
  const { fetch, socket } = egress;
  const tail = createLiveTail({ url, prefix, log });
  const queue = createJobQueue({ url, prefix, log });
  const folder = await mkdtemp(join(tmpdir(), "parley-media-"));
  const blobs = openBlobStore(mediaSettings.parse({ MEDIA_DIR: folder }), egress.fetch);
  const vault = createVault([randomBytes(32)]);
  const background = new AbortController();

  const connect = (address: string) => postgres(address, { max: 2, onnotice: () => undefined });
  const sql = { owner: connect(fresh.ownerUrl), app: connect(fresh.url), sweep: connect(fresh.sweepUrl) };

  const frontDoor = () =>
    createGateway({
      ...database,
      refuseUnpriced: options.refuseUnpriced ?? false,
      direct: createDirectModels({ providers, egress, listed: [] }),
      aliases: new Map(),
      tail,
      queue: options.doorQueue ?? queue,
      clock: systemClock,
      log,
      limits,
      model: models,
      embeddingModel: "local/embed",
      authenticate: createAuthenticator({ findKeyByHash: (hash) => database.keys.findByHash(hash), now: Date.now }).authenticate,
      makeKey: () => {
        const apiKey = makeApiKey();
        return { apiKey, prefix: apiKey.slice(0, 12), hash: hashApiKey(apiKey) };
      },
      makeSession,
      hashBody: (body) => createHash("sha256").update(body).digest("hex"),
      startHash,
      publicUrl: "http://gateway.test",
      planner: { models: ["test/scripted"], stepsMax: 10, recipes: {} },
      vault,
      cards: null,
      packCents: [],
      plans: [],
      chain: null,
      channels: null,
      tokens: null,
      readCredential: async () => null,
      voucherSigner: async () => null,
      devFunding: false,
      checkSignature,
      checkAddress: egress.check,
      gatewayProbe: createGatewayProbe({ fetch, socket, credentials, bounds: limits }),
      hooksNeedTimestamp: false,
      blobs,
      checkReady: async () => ({ postgres: await database.ping(), redis: await tail.ping() }),
    });
  const doors = [frontDoor(), frontDoor()] as const;
  const watching = doors.map((door) => door.watch(background.signal));

  const rooms = Array.from({ length: workers }, (_, index) => {
    const sweep = openSweepStore({ ...shared, url: fresh.sweepUrl });
    const freezer = createFreezer();
    const { behind } = freezer;
    const engine = createEngine(
      {
        turns: behind(database.turns),
        agents: behind(database.agents),
        billing: behind(database.billing),
        refuseUnpriced: options.refuseUnpriced ?? false,
        compactions: behind(database.compactions),
        hooks: behind(database.hooks),
        admission: {
          conversations: behind(database.conversations),
          hashBody: (body) => createHash("sha256").update(body).digest("hex"),
          publicUrl: null,
        },
        peers: {
          peers: behind(database.peers),
          calls: behind(database.peerCalls),
          client: peersByProtocol(
            createPeerClient({
              ...{ fetch, credentials, bounds: limits },
              verify: createSignatureCheck({
                resolve: createDidResolver({ fetch }),
                ...{ keys: behind(database.peerKeys), keysMax: limits.peerKeysMax },
              }),
            }),
            createOpenclawClient({ socket, credentials, bounds: limits }),
          ),
          publicUrl: null,
          ...{ startHash, makeToken },
        },
        peerOutbox: behind(sweep.peers),
        webhooks: { outbox: behind(sweep.outbox), webhooks: behind(database.webhooks), send: createSender({ fetch: egress.fetch }), vault },
        media: behind(database.media),
        payments: behind(database.payments),
        chain: null,
        cards: null,
        channels: null,
        tokens: null,
        blobs: behind(blobs),
        memories: behind(database.memories),
        usage: behind(database.usage),
        usageNotes: behind(database.usageNotes),
        direct: createDirectModels({ providers, egress, listed: [] }),
        directCalls: behind(database.directCalls),
        repeats: behind(database.repeats),
        responses: behind(database.responses),
        vault,
        sweep: behind(sweep.store),
        tail: behind<LiveTail>(tail),
        queue: behind(queue),
        lines: behind(queue),
        model: models,
        tools: createHttpTools({ fetch: egress.fetch, limits, secrets: [] }),
        clock: systemClock,
        log,
        random: Math.random,
        metrics: { ...UNMEASURED, ...options.metrics },
        limits,
      },
      { workerId: `${prefix}-${index}`, leaseMs, heartbeatMs, embeddingModel: "local/embed" },
    );
    const jobs = createJobWorker({
      url,
      prefix,
      log,
      queues: ["turns", "subtasks", "drains", "reaper", "compaction", "webhooks", "responses", "billing"],
      places: behind(queue),
      concurrency,
      timeoutMs: limits.turnMs + 60_000,
      abortOnLostLock: false,
      handlers: {
        "turn.run": (key) => engine.runTurn(key),
        "subtask.run": (key) => engine.runTurn(key),
        "conversation.drain": (key) => engine.drainQueue(key),
        "response.run": (key, { signal }) => engine.runResponse(key, signal),
        "billing.post": ({ organizationIds }, { signal }) => engine.postUsage(organizationIds, signal),
        "payment.settle": (payment) => engine.settlePayment(payment),
        "card.recover": (_, { signal }) => engine.recoverCardEvents(signal),
        "turn.reap": (key) => engine.reapTurn(key),
        "conversation.compact": (key, { signal }) => engine.compact(key, signal),
        "hook.run": (key) => engine.runHook(key),
      },
    });
    return {
      engine,
      jobs,
      sweep,
      freeze() {
        freezer.freeze();
        // The dead take no orders.
        void jobs.pause();
      },
      thaw() {
        freezer.thaw();
        jobs.start();
      },
    };
  });
  const startWorkers = async () => {
    for (const { engine, jobs } of rooms) {
      await engine.start();
      jobs.start();
    }
  };
  if (started) await startWorkers();

  const [ours, theirs] = await Promise.all([
    doors[0].gateway.createOrganization({ name: "ours" }),
    doors[0].gateway.createOrganization({ name: "theirs" }),
  ]);
  const callerOf = (organizationId: string): Caller => ({
    organizationId,
    principalId: `key_${organizationId}`,
    scopes: new Set(SCOPES),
    agentIds: null,
  });
  const caller = callerOf(ours.id);

  return {
    gateway: doors[0].gateway,
    responses: doors[0].responses,
    otherGateway: doors[1].gateway,
    engines: rooms.map((room) => room.engine),
    workers: rooms,
    startWorkers,
    attached: () => doors[0].attached() + doors[1].attached(),
    complaints: log.complaints,
    model,
    tools,
    caller,
    stranger: callerOf(theirs.id),
    database,
    blobs,
    sql,
    forgetRedis: () => forgetRedis(url, prefix),
    agent: ({ name = "Agent", description = "", ...config } = {}) =>
      doors[0].gateway.createAgent(caller, { name, description, config: agentConfig.parse({ model: "test/scripted", ...config }) }),
    input: (agent, text, more = {}) => submitInput.parse({ agentId: agent.id, text, ...more }),
    async close() {
      background.abort();
      for (const { thaw } of rooms) thaw();
      await Promise.all(watching);
      await Promise.all(rooms.map(({ engine, jobs }) => Promise.all([engine.drain(0), jobs.close(1_000)])));
      await Promise.all([queue.close(), tail.close(), egress.close(), model.close(), tools.close()]);
      await Promise.all([database.close(), ...rooms.map(({ sweep }) => sweep.close())]);
      await Promise.all(Object.values(sql).map((one) => one.end()));
      await Promise.all([fresh.drop(), rm(folder, { recursive: true })]);
    },
  };
}
