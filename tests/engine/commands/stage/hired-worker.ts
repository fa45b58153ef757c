import { type Limits, NO_USAGE } from "@parley/contracts";
import {
  type AgentTool,
  createEngine,
  type DirectModels,
  type Engine,
  type EngineMetrics,
  type EnginePorts,
  type JobQueue,
  type LiveTail,
  systemClock,
} from "@parley/domain";
import { createFreezer, quietLog, type World } from "@parley/testkit";
import { type AskedModel, createAskedModel } from "./asked-model.ts";

/** A worker that takes one order at a time, by hand. */
export interface HiredWorker {
  engine: Engine;
  model: AskedModel;
  /** Nothing of it reaches Postgres or an order any more. */
  freeze(): void;
  thaw(): void;
  /** The turn under way. */
  run: Promise<void> | null;
}

/** Longer than any test: leases end by hand. */
const LEASE_MS = 600_000;
const SLEEP_MS = 1;

const tool = (name: string, needsApproval: boolean): AgentTool => ({
  definition: { name, description: "", parameters: { type: "object" } },
  idempotent: false,
  needsApproval,
  sensitive: false,
  run: async () => ({ text: "done", isError: false }),
});
const TOOLS = [tool("look", false), tool("pay", true)];

/** Nobody is attached and nobody is nudged: a worker hears of everything with its own next write. */
const NO_TAIL: LiveTail = {
  publish: () => undefined,
  appendDeltas: async () => "kept",
  deltasAfter: async () => [],
  expireDeltas: () => undefined,
  subscribe: async () => () => undefined,
  nudge: () => undefined,
  onNudge: async () => async () => undefined,
};
const NO_LINES = { findMissing: async () => [], restore: async () => undefined, weigh: async () => undefined };
const NO_BLOBS = { write: async () => undefined, open: async () => null, remove: async () => undefined };
const UNMEASURED: EngineMetrics = {
  turnEnded: () => undefined,
  firstToken: () => undefined,
  leaseTakenOver: () => undefined,
  summaryEnded: () => undefined,
  usageSetAside: () => undefined,
  settlementsDue: () => undefined,
  booksSeen: () => undefined,
};

/** It makes no responses. */
const NO_MODELS: DirectModels = {
  knows: () => false,
  list: async () => [],
  call: () => Promise.reject(new Error("No model is called directly here.")),
  promptUsage: () => NO_USAGE,
};

const unreachable = () => Promise.reject(new Error("No peer is called here."));
const NO_PEERS: EnginePorts["peers"] = {
  peers: { find: async () => [] },
  calls: {
    brought: async () => [],
    price: unreachable,
    find: async () => null,
    begin: unreachable,
    recordTokens: unreachable,
    recordRefused: unreachable,
    recordTask: unreachable,
    endCancel: unreachable,
    deferCancel: unreachable,
    pushed: unreachable,
  },
  client: { send: unreachable, reconcile: unreachable, find: unreachable, cancel: unreachable, card: async () => null },
  startHash: () => ({ update: () => {}, digest: () => "" }),
  makeToken: () => ({ token: "", hash: "" }),
  publicUrl: null,
};

export function hireWorker(world: World, queue: JobQueue, limits: Limits): HiredWorker {
  const { behind, freeze, thaw } = createFreezer();
  const model = createAskedModel();
  const { turns, agents, compactions, media, payments, memories, usage, usageNotes, directCalls, repeats, responses } = world.database;
  const ports = {
    turns: behind(turns),
    agents: behind(agents),
    compactions: behind(compactions),
    hooks: world.database.hooks,
    admission: { conversations: world.database.conversations, hashBody: (body: string) => body, publicUrl: null },
    media,
    payments,
    chain: null,
    cards: null,
    channels: null,
    tokens: null,
    blobs: NO_BLOBS,
    memories: behind(memories),
    usage: behind(usage),
    direct: NO_MODELS,
    directCalls,
    usageNotes,
    repeats,
    responses,
    vault: null,
    peers: NO_PEERS,
    tail: NO_TAIL,
    billing: behind(world.database.billing),
    refuseUnpriced: false,
    queue: behind(queue),
    lines: NO_LINES,
    model: model.model,
    tools: async () => TOOLS,
    clock: { ...systemClock, sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(SLEEP_MS, signal) },
    log: quietLog(),
    random: Math.random,
    metrics: UNMEASURED,
    limits,
  };
  const settings = { workerId: "by hand", leaseMs: LEASE_MS, heartbeatMs: LEASE_MS, embeddingModel: "test/none" };
  return { engine: createEngine(ports, settings), model, freeze, thaw, run: null };
}
