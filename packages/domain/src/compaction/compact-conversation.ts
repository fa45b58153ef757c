import { type AgentConfig, GatewayError, isGatewayError, type Limits, type MemoryId, newId } from "@parley/contracts";
import type { FindAgent } from "../agent/agent-catalog.ts";
import type { BillingStore } from "../billing/billing-store.ts";
import type { DirectPurses } from "../billing/direct-purses.ts";
import { holdEmbedding, holdModel } from "../billing/hold-model.ts";
import type { MeteredEmbedding } from "../billing/meter-embedding.ts";
import type { MeteredModel } from "../billing/meter-model.ts";
import type { Purse } from "../billing/purse.ts";
import type { UsageNotes } from "../billing/usage-notes.ts";
import type { UsageStore } from "../billing/usage-store.ts";
import { type BesideUse, useBeside } from "../billing/use-beside.ts";
import type { Clock } from "../clock.ts";
import type { EngineMetrics } from "../engine-metrics.ts";
import type { Log } from "../logger.ts";
import { embedTexts } from "../memory/embed-texts.ts";
import type { NewMemory } from "../memory/memory-store.ts";
import { announce, type KickPorts } from "../turn/kick.ts";
import type { ConversationKey } from "../turn/turn-store.ts";
import type { CompactionStore, CompactionWork } from "./compaction-store.ts";
import { nextPart, type Part } from "./next-part.ts";
import { readSummary, type SummaryOrder, summaryMessages } from "./summary-order.ts";
import { tailBounds } from "./tail-bounds.ts";

export interface CompactPorts extends KickPorts {
  store: CompactionStore;
  usage: UsageStore;
  notes: UsageNotes;
  model: MeteredModel;
  /** The money of one summary; null where none has to be there first. */
  purses: DirectPurses;
  billing: Pick<BillingStore, "release">;
  embeddingModel: string;
  embed: MeteredEmbedding;
  findAgent: FindAgent;
  log: Log;
  limits: Limits;
  random: () => number;
  clock: Clock;
  metrics: Pick<EngineMetrics, "summaryEnded">;
}

/** A summary that takes longer is given up, and a worker that is silent for longer has lost the work. */
const CALL_MS = 90_000;
const LEASE_MS = 120_000;
/** Then somebody else has a turn; the rest is found by the sweep. */
const PARTS_PER_RUN_MAX = 32;
const TURNS_PER_PART_MAX = 32;
/** Of each text of a turn: more than this of one answer is not needed to know what it was about. */
const TEXT_CHARS_MAX = 4_000;
/** Room for a model that thinks first; what it says too much is cut. */
const OUTPUT_TOKENS_MAX = 4_096;
const RETRY_MS = 5_000;
const RETRY_MS_MAX = 3_600_000;

/**
 * Summarises a conversation's oldest turns until its tail is short, if that is due. Safe to call twice and at the wrong time: what is
 * installed is compared with what stands, in one transaction. A failure is tried again later; the prompt is bounded meanwhile by the tail.
 */
export async function compactConversation(ports: CompactPorts, key: ConversationKey, signal: AbortSignal): Promise<void> {
  const { store, limits, clock, metrics } = ports;
  const holder = newId<string>();
  const bounds = { leaseMs: LEASE_MS, ...tailBounds(limits), turnsMax: TURNS_PER_PART_MAX, charsMax: TEXT_CHARS_MAX };
  for (let count = 0; ; count += 1) {
    const work = await store.claim(key, holder, bounds);
    if (work === null) return;
    if (signal.aborted || count === PARTS_PER_RUN_MAX) return store.postpone(key, holder, { delayMs: 0, failed: false });
    const part = nextPart(work, limits);
    if (part === null) return store.finish(key, holder, work.marks);
    const startedAtMs = clock.monotonicMs();
    const tell = (end: "installed" | "dropped" | "failed") => metrics.summaryEnded({ end, durationMs: clock.monotonicMs() - startedAtMs });
    try {
      const installed = await compactPart(ports, { key, work, part }, signal);
      tell(installed ? "installed" : "dropped");
      // An edit came in between: what stands now is looked at anew, but not at once by the same run.
      if (!installed) return store.postpone(key, holder, { delayMs: 0, failed: false });
    } catch (error) {
      if (!signal.aborted) tell("failed");
      if (isGatewayError(error, "storage_unavailable")) throw error;
      if (signal.aborted) return store.postpone(key, holder, { delayMs: 0, failed: false });
      const delayMs = Math.min(RETRY_MS * 2 ** work.failures, RETRY_MS_MAX) * (0.5 + ports.random());
      ports.log.warn({ err: error, conversationId: key.conversationId, delayMs }, "summary failed; it will be tried again");
      return store.postpone(key, holder, { delayMs: Math.round(delayMs), failed: true });
    }
  }
}

interface PartWork {
  key: ConversationKey;
  work: CompactionWork;
  part: Part;
}

async function compactPart(given: CompactPorts, { key, work, part }: PartWork, signal: AbortSignal): Promise<boolean> {
  /** What its usage is recorded, and its money held under. */
  const id = newId<string>();
  const { organizationId } = key;
  const purse = await given.purses({ organizationId, principalId: null, agentId: work.agentId, id });
  const ports = purse === null ? given : holding(given, purse);
  const { store, limits } = ports;
  const agent = await ports.findAgent(key.organizationId, work.agentId, null);
  if (agent === null) throw new GatewayError("internal", { detail: "the agent of a conversation is missing" });
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
  const use = useBeside(given, { id, ...key, executionId: key.conversationId });
  try {
    const order = { charsMax: limits.summaryCharsMax, wantsFacts: part.level === 1 && learns(agent.config, work) };
    const { text, facts, model } = await summarise(ports, agent.config, { part, order, signal: bounded, use });
    const memories = await factMemories(ports, { key, work, part, facts, signal: bounded, use });
    const { level, fromTurn, throughTurn, tainted } = part;
    const { visible, head } = work;
    const summary = { level, fromTurn, throughTurn, tainted, text, visible, head, model, memories };
    const posted = await store.install(key, summary, limits.memoriesPerScopeMax);
    if (posted !== null) await announce(ports, key.organizationId, posted);
    return posted !== null;
  } finally {
    const lines = use.lines();
    await use.record().catch((error: unknown) => {
      if (!isGatewayError(error, "storage_unavailable")) throw error;
      ports.log.error({ err: error, conversationId: key.conversationId, lines }, "usage not recorded");
    });
    if (purse !== null && lines.length === 0) await ports.billing.release({ organizationId, id }).catch(() => undefined);
  }
}

/** Without money there is no summary: the prompt is bounded by the tail meanwhile. */
const holding = (ports: CompactPorts, purse: Purse): CompactPorts => ({
  ...ports,
  model: holdModel(ports.model, purse, () => Promise.resolve()),
  embed: holdEmbedding(ports.embed, ports.embeddingModel, purse),
});

/** Only what is surely about one user, and goes back to that user alone. */
const learns = ({ memory }: AgentConfig, { userEmail }: CompactionWork): boolean =>
  memory.learn && memory.scopes.includes("user") && userEmail !== null && userEmail !== "";

interface Asked {
  part: Part;
  order: SummaryOrder;
  signal: AbortSignal;
  use: BesideUse;
}

/** The agent's own model, else its fallbacks in order. Throws the last one's failure. */
async function summarise(ports: CompactPorts, config: AgentConfig, { part, order, signal, use }: Asked) {
  const messages = summaryMessages(part, order);
  let failure: unknown;
  for (const model of [config.model, ...config.fallbackModels]) {
    try {
      const response = await ports.model(
        { model, messages, maxOutputTokens: OUTPUT_TOKENS_MAX, signal },
        { onText: () => undefined, onCall: use.onCall, meter: use.meter },
      );
      const summary = readSummary(response.text, order);
      if (summary.text !== "") return { ...summary, model };
      failure = new GatewayError("model_rejected", { text: "The model's summary was empty." });
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

async function factMemories(
  ports: CompactPorts,
  {
    key,
    work,
    part,
    facts,
    signal,
    use,
  }: Pick<Asked, "signal" | "use" | "part"> & { key: ConversationKey; work: CompactionWork; facts: string[] },
): Promise<NewMemory[]> {
  const { userEmail } = work;
  if (userEmail === null || userEmail === "" || facts.length === 0) return [];
  const texts = facts.map((fact) => fact.slice(0, ports.limits.memoryCharsMax).toWellFormed());
  const embeddings = await embedTexts(ports, { texts, signal, use });
  return texts.map((text, index) => ({
    id: newId<MemoryId>(),
    scope: "user",
    scopeId: userEmail.toLowerCase(),
    agentId: work.agentId,
    text,
    tainted: part.tainted,
    conversationId: key.conversationId,
    turnNumber: part.throughTurn,
    embedding: embeddings[index] ?? null,
  }));
}
