import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Limits } from "@parley/contracts";
import { openDatabase, openRelayStore, openSweepStore } from "@parley/db";
import { createEngine, type EnginePorts, type Log, systemClock } from "@parley/domain";
import { createEgress, egressOptions } from "@parley/egress";
import { createLiveTail } from "@parley/events";
import { createVault } from "@parley/identity";
import { openBlobStore } from "@parley/media";
import { createDirectModels, createModels, modelProviders, modelSecrets } from "@parley/model";
import { createCardPayments, createChainPayments, createChannelPayments, createTokenPayments } from "@parley/payments";
import { createPushSender } from "@parley/peers";
import { createJobQueue, createJobWorker } from "@parley/queue";
import type { Metrics } from "@parley/telemetry";
import { createHttpTools, createRecipeBook, createRecipeTools, joinTools, toolSecrets } from "@parley/tools";
import { createSender } from "@parley/webhooks";
import type { Config } from "./config.ts";
import { handlers } from "./handlers.ts";
import { openPeers } from "./open-peers.ts";

export interface Worker {
  start(): Promise<void>;
  /** Takes nothing new, lets turns end or reach a step boundary within the grace, gives the rest back, closes everything. */
  close(): Promise<void>;
}

/** How much longer than the longest turn a job may take. */
const TIMEOUT_MARGIN_MS = 60_000;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What stands between the engine and its ports: tests fail on purpose at their calls. */
export type Decorate = (ports: EnginePorts) => EnginePorts;

interface WorkerParts {
  config: Config;
  log: Log;
  metrics: Metrics;
  /** Some of them change while it runs. */
  limits: Limits;
  decorate?: Decorate | undefined;
}

/** Builds the engine room from its settings. Nothing runs before `start`. */
export function compose({ config, log, metrics, limits, decorate = (ports) => ports }: WorkerParts): Worker {
  const workerId = `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`;
  const redis = { url: config.REDIS_URL, cluster: config.REDIS_CLUSTER, sentinelName: config.REDIS_SENTINEL_NAME };
  const prefix = config.REDIS_PREFIX;
  const connection = { prepare: config.DATABASE_PREPARE, applicationName: `parley-worker` };

  const database = openDatabase({ ...connection, url: config.DATABASE_URL, pool: config.DATABASE_POOL });
  const sweep = config.WORKER_SWEEPS ? openSweepStore({ ...connection, url: config.DATABASE_SWEEP_URL }) : undefined;
  // A connection of its own: what there is to tell after an outage must not keep the sweep from its ticks.
  const relay = config.WORKER_SWEEPS ? openRelayStore({ ...connection, url: config.DATABASE_SWEEP_URL }) : undefined;
  const tail = createLiveTail({ ...redis, prefix, log, onLost: () => metrics.publishLost() });
  const queue = createJobQueue({ ...redis, prefix, log });
  const providers = modelProviders(config);
  const egress = createEgress({ ...egressOptions(config), secrets: [...modelSecrets(providers), ...toolSecrets(config.TOOL_SECRETS)] });
  const files = createEgress({ ...egressOptions(config), responseBytesMax: limits.mediaBytesMax });
  const recipes = createRecipeBook({ folder: config.RECIPES_DIR, limits, log });
  const { peers, known } = openPeers({ config, database, egress, limits, log });
  const closing = new AbortController();
  let becomingKnown: Promise<void> = Promise.resolve();
  const engine = createEngine(
    decorate({
      turns: database.turns,
      agents: database.agents,
      billing: database.billing,
      refuseUnpriced: config.BILLING_UNPRICED === "refuse",
      compactions: database.compactions,
      hooks: database.hooks,
      // What came is named already, so that no address has to be known for one of ours.
      admission: { conversations: database.conversations, hashBody: sha256, publicUrl: null },
      ...(sweep === undefined
        ? {}
        : {
            pushes: {
              outbox: sweep.pushes,
              a2a: database.a2a,
              send: createPushSender(egress),
              vault: createVault(config.SECRETS_KEY),
            },
            webhooks: {
              outbox: sweep.outbox,
              webhooks: database.webhooks,
              send: createSender(egress),
              vault: createVault(config.SECRETS_KEY),
            },
          }),
      peers,
      ...(sweep === undefined ? {} : { peerOutbox: sweep.peers }),
      media: database.media,
      payments: database.payments,
      cards: createCardPayments(config, egress.fetch),
      chain: createChainPayments(config, egress.fetch),
      channels: createChannelPayments(config, egress.fetch),
      tokens: createTokenPayments(config, egress.fetch),
      blobs: openBlobStore(config, files.fetch),
      memories: database.memories,
      usage: database.usage,
      usageNotes: database.usageNotes,
      direct: createDirectModels({ providers, egress, listed: [] }),
      directCalls: database.directCalls,
      repeats: database.repeats,
      responses: database.responses,
      vault: createVault(config.SECRETS_KEY),
      ...(sweep === undefined ? {} : { sweep: sweep.store }),
      ...(relay === undefined ? {} : { relay: relay.store }),
      tail,
      queue,
      lines: queue,
      model: createModels({ providers, fetch: egress.fetch }),
      tools: joinTools(createHttpTools({ fetch: egress.fetch, limits, secrets: config.TOOL_SECRETS }), createRecipeTools(recipes)),
      clock: systemClock,
      log,
      random: Math.random,
      metrics,
      limits,
    }),
    { workerId, leaseMs: config.LEASE_MS, heartbeatMs: config.HEARTBEAT_MS, embeddingModel: config.EMBEDDING_MODEL },
  );
  const jobs = createJobWorker({
    ...redis,
    prefix,
    log,
    metrics,
    queues: config.WORKER_QUEUES,
    places: queue,
    concurrency: config.WORKER_CONCURRENCY,
    waiting: database.turnsWaiting,
    handlers: handlers(engine),
    timeoutMs: Math.max(limits.turnMs, limits.turnAskedMs) + TIMEOUT_MARGIN_MS,
    // The right to run a turn is its lease in Postgres; BullMQ's lock only says who was told about it.
    abortOnLostLock: false,
  });

  return {
    async start() {
      becomingKnown = known(closing.signal);
      await engine.start();
      jobs.start();
    },
    async close() {
      closing.abort();
      await becomingKnown;
      await Promise.all([jobs.close(config.WORKER_GRACE_MS + config.LEASE_MS), engine.drain(config.WORKER_GRACE_MS)]);
      await Promise.all([queue.close(), tail.close(), egress.close(), files.close()]);
      await Promise.all([database.close(), sweep?.close(), relay?.close()]);
    },
  };
}
