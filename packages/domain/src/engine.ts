import type { JobPayload, Limits } from "@parley/contracts";
import { deliverA2aPushes, type PushPorts } from "./a2a/deliver-a2a-pushes.ts";
import type { RelayStore } from "./activity/activity-store.ts";
import { runRelay } from "./activity/run-relay.ts";
import { createAgentCatalog } from "./agent/agent-catalog.ts";
import type { AgentStore } from "./agent/agent-store.ts";
import type { BillingStore } from "./billing/billing-store.ts";
import { createDirectPurses } from "./billing/direct-purses.ts";
import { createDirectUsageBook } from "./billing/direct-usage-book.ts";
import { meterEmbedding } from "./billing/meter-embedding.ts";
import { meterModel } from "./billing/meter-model.ts";
import { postUsage } from "./billing/post-usage.ts";
import type { UsageNoteStore } from "./billing/usage-note-store.ts";
import { createUsageNotes } from "./billing/usage-notes.ts";
import type { UsageStore } from "./billing/usage-store.ts";
import type { Clock } from "./clock.ts";
import { compactConversation } from "./compaction/compact-conversation.ts";
import type { CompactionStore } from "./compaction/compaction-store.ts";
import type { SubmitContext } from "./conversation/submit-message.ts";
import type { DirectCallStore } from "./direct/direct-call-store.ts";
import type { DirectModels } from "./direct/direct-models.ts";
import type { EngineMetrics } from "./engine-metrics.ts";
import type { HookDeliveryKey, HookStore } from "./hook/hook-store.ts";
import { runHook } from "./hook/run-hook.ts";
import type { RepeatStore } from "./idempotency/repeat-store.ts";
import type { Vault } from "./identity/vault.ts";
import type { JobQueue, OrderLines } from "./job-queue.ts";
import type { LiveTail } from "./log/live-tail.ts";
import type { Log } from "./logger.ts";
import type { BlobStore } from "./media/blob-store.ts";
import type { MediaStore } from "./media/media-store.ts";
import type { MemoryStore } from "./memory/memory-store.ts";
import type { Model } from "./model/model.ts";
import type { ChainPayments } from "./payment/chain-payments.ts";
import type { ChannelPayments } from "./payment/channel-payments.ts";
import { type RecoveredPayments, type RecoverPorts, recoverCardEvents } from "./payment/recover-card-events.ts";
import { type SettledPayments, settlePayment } from "./payment/settle-payment.ts";
import type { TokenPayments } from "./payment/token-payments.ts";
import { createBell } from "./peer/bell.ts";
import { cancelPeerCalls } from "./peer/cancel-peer-calls.ts";
import type { PeerPorts } from "./peer/peer-ports.ts";
import type { PeerOutbox } from "./peer/peer-store.ts";
import type { ResponseKey, ResponseStore } from "./responses/response-store.ts";
import { runResponse } from "./responses/run-response.ts";
import { keepHouse } from "./sweep/keep-house.ts";
import { runSweep } from "./sweep/run-sweep.ts";
import type { SweepStore } from "./sweep/sweep-store.ts";
import type { FindTools } from "./turn/agent-tool.ts";
import { announce } from "./turn/kick.ts";
import { runTurn } from "./turn/run-turn.ts";
import { TurnAbort } from "./turn/turn-abort.ts";
import { createTurnHolder } from "./turn/turn-holder.ts";
import type { ConversationKey, TurnStore } from "./turn/turn-store.ts";
import { type DeliveryPorts, deliverWebhooks } from "./webhook/deliver-webhooks.ts";

export interface EnginePorts {
  turns: TurnStore;
  payments: SettledPayments & RecoveredPayments;
  /** Null: nobody pays by card. */
  cards: RecoverPorts["cards"];
  /** Null: nobody pays on a chain. */
  chain: Pick<ChainPayments, "verify"> | null;
  /** Null: nobody pays through channels. */
  channels: Pick<ChannelPayments, "review"> | null;
  /** Null: nobody pays single calls by card. */
  tokens: Pick<TokenPayments, "verify" | "refund"> | null;
  agents: AgentStore;
  billing: BillingStore;
  /** Whether calls that only the fallback prices are refused. */
  refuseUnpriced: boolean;
  compactions: CompactionStore;
  media: MediaStore;
  blobs: BlobStore;
  peers: Pick<PeerPorts, "peers" | "calls" | "client" | "startHash" | "makeToken" | "publicUrl">;
  hooks: Pick<HookStore, "waiting" | "finish">;
  /** What messages that come by webhooks are admitted with. */
  admission: Pick<SubmitContext, "conversations" | "hashBody" | "publicUrl">;
  /** Absent: this process sends no webhooks. */
  webhooks?: Pick<DeliveryPorts, "outbox" | "webhooks" | "send" | "vault">;
  /** Absent: this process tells nobody of A2A tasks. */
  pushes?: Pick<PushPorts, "outbox" | "a2a" | "send" | "vault">;
  /** Absent: this process tells no peer that a task is not wanted any more. */
  peerOutbox?: PeerOutbox;
  memories: MemoryStore;
  usage: UsageStore;
  usageNotes: UsageNoteStore;
  direct: DirectModels;
  directCalls: DirectCallStore;
  repeats: RepeatStore;
  responses: ResponseStore;
  /** Null: nothing can be sealed here. */
  vault: Vault | null;
  /** Absent: this process never sweeps. */
  sweep?: SweepStore;
  /** Absent: this process never gives numbers to activity. */
  relay?: RelayStore;
  tail: LiveTail;
  queue: JobQueue;
  lines: OrderLines;
  model: Model;
  /** What agents may do themselves. */
  tools: FindTools;
  clock: Clock;
  log: Log;
  random: () => number;
  metrics: EngineMetrics;
  limits: Limits;
}

export interface EngineSettings {
  /** This process, unique among all workers. */
  workerId: string;
  leaseMs: number;
  heartbeatMs: number;
  /** Makes the vectors by which memories are found, `<provider>/<model>`. */
  embeddingModel: string;
}

/** The use cases of a worker. Each is safe to run twice. */
export interface Engine {
  runTurn(key: ConversationKey): Promise<void>;
  /** Starts the queue of an idle conversation; also where it is held. */
  drainQueue(key: ConversationKey): Promise<void>;
  /** Does what a conversation found by the sweep needs. */
  reapTurn(key: ConversationKey): Promise<void>;
  /** Summarises the oldest turns of a conversation whose tail has grown too long; ends early when the signal aborts. */
  compact(key: ConversationKey, signal: AbortSignal): Promise<void>;
  /** Makes a message of what came by a webhook. */
  runHook(key: HookDeliveryKey): Promise<void>;
  /** Makes a response that nobody waits for; gives it back when the signal aborts. */
  runResponse(key: ResponseKey, signal: AbortSignal): Promise<void>;
  /** Charges what organizations have used; ends early when the signal aborts. */
  postUsage(organizationIds: readonly string[], signal: AbortSignal): Promise<void>;
  settlePayment(payment: JobPayload<"payment.settle">): Promise<void>;
  /** Books what the card service has told and nobody has heard; ends early when the signal aborts. */
  recoverCardEvents(signal: AbortSignal): Promise<void>;
  /** Starts heartbeat, sweep and nudges. */
  start(): Promise<void>;
  /**
   * Takes nothing new; turns end or reach a step boundary and responses end within `graceMs`, then give their leases back. Resolves when
   * none is left.
   */
  drain(graceMs: number): Promise<void>;
  /** Turns that run here now. */
  activeTurns(): number;
}

export function createEngine(ports: EnginePorts, { workerId, leaseMs, heartbeatMs, embeddingModel }: EngineSettings): Engine {
  const { turns, tail, queue, clock, log, limits, random, compactions, memories, usage } = ports;
  const notes = createUsageNotes({ store: ports.usageNotes, clock, log, limits }, heartbeatMs);
  const holder = createTurnHolder({ store: turns, tail, clock, log, limits, notes }, { leaseMs, heartbeatMs });
  const background = new AbortController();
  const closing = new AbortController();
  const responses = new Set<Promise<void>>();
  const loops: Promise<unknown>[] = [];
  let draining = false;
  let unsubscribe: (() => Promise<void>) | undefined;
  const directUsage = createDirectUsageBook({ store: ports.directCalls, clock, log, limits, notes });
  const model = meterModel(ports.model);
  const purses = createDirectPurses(ports);
  const embed = meterEmbedding(ports.model, embeddingModel);
  const catalog = createAgentCatalog(ports.agents, clock);
  const findAgent = catalog.find;
  const bell = createBell();
  const turnPorts = {
    store: turns,
    peers: { ...ports.peers, bell, vault: ports.vault, media: ports.media, blobs: ports.blobs, log, limits },
    tail,
    queue,
    model,
    findAgent,
    findTools: ports.tools,
    memory: { memories, usage, notes, embed, log, limits },
    billing: ports.billing,
    refuseUnpriced: ports.refuseUnpriced,
    embeddingModel,
    compactions,
    files: { media: ports.media, blobs: ports.blobs, log, limits },
    holder,
    clock,
    log,
    random,
    metrics: ports.metrics,
    workerId,
    leaseMs,
    limits,
    compact: (key: ConversationKey, signal: AbortSignal) => compact(key, signal),
    isDraining: () => draining,
  };

  const compact: Engine["compact"] = (key, signal) =>
    compactConversation({ ...turnPorts, store: compactions, usage, notes, purses, embed }, key, signal);

  return {
    runTurn: (key) => runTurn(turnPorts, key),
    async drainQueue(key) {
      await announce(turnPorts, key.organizationId, await turns.release(key, true));
    },
    async reapTurn(key) {
      const posted = await turns.repair(key);
      // Without a fact there is a turn that was begun before; one that begins by this waits for its share as any other does.
      await announce(turnPorts, key.organizationId, posted, posted.events.length === 0);
    },
    async runResponse(key, signal) {
      const run = runResponse({ ...ports, directUsage, purses }, key, { leaseMs, signal, closing: closing.signal });
      responses.add(run);
      await run.finally(() => responses.delete(run));
    },
    compact,
    settlePayment: (payment) => settlePayment(ports, payment),
    recoverCardEvents: (signal) => recoverCardEvents(ports, signal),
    postUsage: (organizationIds, signal) => postUsage(ports, organizationIds, signal),
    runHook: (key) =>
      runHook(
        { hooks: ports.hooks, submit: { ...ports.admission, catalog, media: ports.media, vault: ports.vault, limits, queue, tail, log } },
        key,
      ),
    async start() {
      unsubscribe = await tail.onNudge(workerId, (conversationId) => {
        holder.nudged(conversationId);
        bell.ring(conversationId);
      });
      loops.push(holder.beat(background.signal));
      const { sweep, relay, webhooks, pushes, peerOutbox } = ports;
      const { calls, client } = ports.peers;
      if (peerOutbox !== undefined)
        loops.push(cancelPeerCalls({ outbox: peerOutbox, calls, client, vault: ports.vault, clock, log, limits }, background.signal));
      if (webhooks !== undefined) loops.push(deliverWebhooks({ ...webhooks, clock, log, random, limits }, background.signal));
      if (pushes !== undefined) loops.push(deliverA2aPushes({ ...pushes, clock, log, random, limits }, background.signal));
      if (relay !== undefined) loops.push(runRelay({ ...turnPorts, store: relay }, background.signal));
      if (sweep === undefined) return;
      const takesCards = ports.cards !== null;
      loops.push(runSweep({ ...turnPorts, lines: ports.lines, store: sweep, takesCards }, background.signal));
      loops.push(keepHouse({ sweep, turns, clock, log, workerId, limits, media: ports.media, blobs: ports.blobs }, background.signal));
    },
    async drain(graceMs) {
      draining = true;
      const left = () => holder.active().length > 0 || responses.size > 0;
      const deadlineMs = clock.monotonicMs() + graceMs;
      while (left() && clock.monotonicMs() < deadlineMs) await clock.sleep(20);
      for (const turn of holder.active()) turn.abort(new TurnAbort("shutdown"));
      closing.abort(new TurnAbort("shutdown"));
      const lastMs = clock.monotonicMs() + leaseMs;
      while (left() && clock.monotonicMs() < lastMs) await clock.sleep(20);
      background.abort();
      await Promise.all([...loops, directUsage.close()]);
      await notes.close();
      await unsubscribe?.();
    },
    activeTurns: () => holder.active().length,
  };
}
