import { createHash } from "node:crypto";
import { type Limits, limitsFrom } from "@parley/contracts";
import { openDatabase } from "@parley/db";
import {
  type Administration,
  createGateway,
  type Gateway,
  type GatewayPorts,
  type GatewayProbe,
  type Log,
  type Responses,
  type SessionStore,
  systemClock,
} from "@parley/domain";
import { createEgress, type Egress, egressOptions } from "@parley/egress";
import { createLiveTail } from "@parley/events";
import {
  apiKeyPrefix,
  createMessageWindow,
  createRateLimiter,
  createTickets,
  createVault,
  hashApiKey,
  type MessageWindow,
  makeApiKey,
  makeSession,
  networkList,
  type Tickets,
} from "@parley/identity";
import { openBlobStore } from "@parley/media";
import { createDirectModels, createModels, modelProviders, modelSecrets } from "@parley/model";
import {
  createCardPayments,
  createChainPayments,
  createChannelPayments,
  createCredentialReader,
  createTokenPayments,
  createVoucherSigner,
} from "@parley/payments";
import { createDidIdentity, createGatewayProbe, createTokenProvider, didFacts } from "@parley/peers";
import { createJobQueue } from "@parley/queue";
import { connectRedis, endConnection, watchConnection } from "@parley/redis";
import type { Metrics } from "@parley/telemetry";
import { secretNameFor, toolSecrets } from "@parley/tools";
import { checkSignature } from "@parley/webhooks";
import { createAuthentication, openAuthentication } from "./authentication.ts";
import type { Config } from "./config.ts";
import { foreignCredentials } from "./identity/foreign-credentials.ts";
import type { OriginLists } from "./origins.ts";
import type { PluginSettings } from "./payments/create-plugins.ts";
import { createVisitors, type VisitorOf } from "./visitors.ts";

interface FrontRoom {
  gateway: Gateway;
  administration: Administration;
  responses: Responses;
  visitorOf: VisitorOf;
  window: MessageWindow;
  tickets: Tickets;
  /** What may change while the process runs: it is read anew each time. */
  origins: OriginLists;
  limits: Limits;
  aliases: Map<string, readonly string[]>;
  /** What is sold by the call. */
  sold: PluginSettings;
  sessionByHash: SessionStore["findByHash"];
  /** Ends what the gateway does by itself, then its connections, in reverse order of opening. */
  close(): Promise<void>;
}

/** A part that does not answer in this time is not ready. */
const READY_MS = 2_000;

/** A command of the limits that Redis does not answer in this time counts as refused, and the process counts for itself. */
const LIMITS_TIMEOUT_MS = 250;
/** Under this name the processes tell one another which windows of calls are spent. */
const RATE_WINDOWS = "rate-windows";

/** Whether a part answers in time. */
async function answers(asking: Promise<boolean>): Promise<boolean> {
  const late = AbortSignal.timeout(READY_MS);
  const timeout = new Promise<boolean>((resolve) => late.addEventListener("abort", () => resolve(false), { once: true }));
  return Promise.race([asking, timeout]);
}

/** SHA-256 of bytes as they come. */
function startHash() {
  const hash = createHash("sha256");
  return { update: (chunk: Uint8Array) => void hash.update(chunk), digest: () => hash.digest("hex") };
}

function makeKey() {
  const apiKey = makeApiKey();
  return { apiKey, prefix: apiKeyPrefix(apiKey), hash: hashApiKey(apiKey) };
}

/** What looks at OpenClaw gateways, as who the workers call them. */
function openProbe(config: Config, { fetch, socket }: Egress, limits: Limits): GatewayProbe {
  const facts = didFacts(config);
  return createGatewayProbe({
    ...{ fetch, socket, bounds: limits },
    credentials: {
      findSecret: (organizationId, name) => secretNameFor(config.TOOL_SECRETS, organizationId, name),
      ...{ tokens: createTokenProvider({ fetch }), identity: facts === null ? null : createDidIdentity(facts), hydra: null, now: Date.now },
    },
  });
}

/** What payers are shown, charged by and believed. */
function moneyIn(config: Config, { fetch }: Egress) {
  return {
    cards: createCardPayments(config, fetch),
    packCents: config.STRIPE_PACKS,
    plans: config.STRIPE_PLANS,
    chain: createChainPayments(config, fetch),
    channels: createChannelPayments(config, fetch),
    tokens: createTokenPayments(config, fetch),
    readCredential: createCredentialReader(),
    voucherSigner: createVoucherSigner(config.PAYMENTS_CHAIN_ID),
    devFunding: config.BILLING_DEV_FUNDING,
  };
}

/** What is sold by the call, and whose it is. */
function soldFrom(config: Config, { fetch }: Egress): PluginSettings {
  return {
    organizationId: config.PAYMENTS_ORGANIZATION_ID ?? config.DEFAULT_ORGANIZATION_ID ?? null,
    soldAgentId: config.PAYMENTS_AGENT_ID ?? null,
    models: {
      text: config.PAYMENTS_TEXT_MODEL,
      speech: config.PAYMENTS_SPEECH_MODEL,
      transcription: config.PAYMENTS_TRANSCRIPTION_MODEL,
    },
    custom: config.PAYMENTS_PLUGINS,
    fetch,
  };
}

/** What stands between the gateway and its ports: tests fail on purpose at their calls. */
export type Decorate = (ports: GatewayPorts) => GatewayPorts;

export interface FrontRoomParts {
  config: Config;
  log: Log;
  metrics: Metrics;
  decorate?: Decorate | undefined;
  setLogLevel?: ((level: Config["LOG_LEVEL"]) => void) | undefined;
}

/** Builds the gateway on its stores, queue and live tail. Everything connects when it is first used. */
export function compose({ config, log, metrics, decorate = (ports) => ports }: FrontRoomParts): FrontRoom {
  const limits = limitsFrom(config);
  const aliases = new Map<string, readonly string[]>(config.MODEL_ALIASES);
  const redis = {
    url: config.REDIS_URL,
    cluster: config.REDIS_CLUSTER,
    sentinelName: config.REDIS_SENTINEL_NAME,
    prefix: config.REDIS_PREFIX,
  };
  const database = openDatabase({
    url: config.DATABASE_URL,
    pool: config.DATABASE_POOL,
    prepare: config.DATABASE_PREPARE,
    applicationName: "parley-api",
  });
  const tail = createLiveTail({ ...redis, log, onLost: () => metrics.publishLost() });
  const queue = createJobQueue({ ...redis, log });
  metrics.watchQueues(() => queue.counts());

  const providers = modelProviders(config);
  const egress = createEgress({ ...egressOptions(config), secrets: [...modelSecrets(providers), ...toolSecrets(config.TOOL_SECRETS)] });
  const foreign = { fetch: egress.fetch, organizations: database.organizations };
  const { DEFAULT_ORGANIZATION_ID: everyone } = config;
  const authentication =
    config.AUTH_DISABLED && everyone
      ? openAuthentication(database, everyone)
      : createAuthentication(database, foreignCredentials(config, foreign));
  const { authenticate, keys, sessions } = authentication;
  const origins: OriginLists = { cors: config.CORS_ORIGINS, sockets: config.SOCKET_ORIGINS };
  const counters = connectRedis(redis, { role: "producer", name: `${redis.prefix}:limits`, commandTimeoutMs: LIMITS_TIMEOUT_MS });
  watchConnection(counters, log.child({ connection: "limits" }));
  const { TRUSTED_PROXIES: proxies } = config;
  const tickets = createTickets({ client: counters, prefix: redis.prefix });
  const visitorOf = createVisitors({
    ...{ authentication, limits, origins, tickets, queryTokens: config.QUERY_TOKENS },
    limiter: createRateLimiter({
      ...{ client: counters, prefix: redis.prefix },
      news: { tell: (text) => tail.nudge(RATE_WINDOWS, text), listen: (listener) => void tail.onNudge(RATE_WINDOWS, listener) },
    }),
    trustedProxies: proxies.length === 0 ? null : networkList(proxies),
  });
  const window = createMessageWindow({
    ...{ client: counters, prefix: redis.prefix },
    ...{ callsMax: limits.rpcCallsPerWindowMax, windowMs: limits.rpcWindowMs },
  });
  const files = createEgress({ ...egressOptions(config), responseBytesMax: limits.mediaBytesMax });
  const door = createGateway(
    decorate({
      ...database,
      ...{ authenticate, keys, sessions },
      ...{ tail, queue, log, limits, aliases, checkSignature, startHash, makeKey, makeSession },
      ...moneyIn(config, egress),
      clock: systemClock,
      refuseUnpriced: config.BILLING_UNPRICED === "refuse",
      direct: createDirectModels({ providers, egress, listed: config.MODELS_LISTED }),
      blobs: openBlobStore(config, files.fetch),
      publicUrl: config.PUBLIC_URL ?? null,
      planner: { models: config.PLANNER_MODEL, stepsMax: config.PLANNER_STEPS_MAX, recipes: config.PLANNER_RECIPES },
      model: createModels({ providers, fetch: egress.fetch }),
      embeddingModel: config.EMBEDDING_MODEL,
      vault: createVault(config.SECRETS_KEY),
      checkAddress: egress.check,
      gatewayProbe: openProbe(config, egress, limits),
      hooksNeedTimestamp: config.HOOKS_REQUIRE_TIMESTAMP,
      hashBody: (body) => createHash("sha256").update(body).digest("hex"),
      async checkReady() {
        const [postgres, redis] = await Promise.all([answers(database.ping()), answers(tail.ping())]);
        return { postgres, redis };
      },
    }),
  );
  const closing = new AbortController();
  const watching = door.watch(closing.signal);

  return {
    gateway: door.gateway,
    administration: door.administration,
    responses: door.responses,
    visitorOf,
    window,
    tickets,
    origins,
    limits,
    aliases,
    sold: soldFrom(config, egress),
    sessionByHash: (hash) => sessions.findByHash(hash),
    async close() {
      closing.abort();
      await watching;
      endConnection(counters);
      // Cutting what is still under way ends its calls, whose usage is written then.
      await egress.close();
      await door.close();
      await Promise.all([queue.close(), tail.close(), files.close()]);
      await database.close();
    },
  };
}
