import { isGatewayError, type Limits } from "@parley/contracts";
import { holdEmbedding, holdModel } from "../billing/hold-model.ts";
import type { EmbeddingUse } from "../billing/meter-embedding.ts";
import { orderPosting } from "../billing/order-posting.ts";
import { endingWithoutMoney, turnPayments, turnPurse } from "../billing/turn-purse.ts";
import { askForCompaction } from "../compaction/ask-for-compaction.ts";
import { pastOf } from "../compaction/past-of.ts";
import { createFileShow } from "../media/show-files.ts";
import { loadMemories } from "../memory/load-memories.ts";
import { answerByPeer } from "../peer/run-peer-call.ts";
import { historyMessages, systemMessages, userMessage } from "./build-prompt.ts";
import { hasChildResult, holdsForeignText } from "./holds-foreign-text.ts";
import { indexJournal } from "./journal-index.ts";
import { jobPayload, kick } from "./kick.ts";
import { outlastOutage } from "./outlast-outage.ts";
import { runExecution } from "./run-execution.ts";
import { settleTurn } from "./settle-turn.ts";
import { TurnAbort } from "./turn-abort.ts";
import type { ActiveTurn } from "./turn-holder.ts";
import type { RunningExecution, RunTurnPorts, TurnRun } from "./turn-run.ts";
import type { ClaimedTurn, ConversationKey, Past } from "./turn-store.ts";
import type { CallPlace } from "./usage-sheet.ts";

/** Names the order that starts a new child; its own epochs start from the clock and are never this small. */
const FIRST_EPOCH = 1;

/**
 * Runs the conversation's current turn to its end, if it is ready or its worker has died; safe to call twice and at the
 * wrong time. Resolves when the turn has ended, paused, passed on, or there was nothing to do.
 */
export async function runTurn(ports: RunTurnPorts, key: ConversationKey): Promise<void> {
  if (ports.isDraining()) return handOn(ports, key);
  const { store, tail, holder, workerId, leaseMs, limits } = ports;
  const claim = await store.claim(key, { worker: workerId, leaseMs, historyTurnsMax: limits.historyTurnsMax });
  if (claim === null) return;
  tail.publish({ conversationId: claim.conversationId, events: claim.events });
  if (claim.events.some((event) => event.type === "attempt.superseded" && event.data.reason === "lease_lost"))
    ports.metrics.leaseTakenOver();
  const claimedAtMs = ports.clock.monotonicMs();
  const active = holder.hold(claim, () => {
    ports.metrics.firstToken({ durationMs: claim.turn.waitedMs + ports.clock.monotonicMs() - claimedAtMs });
  });
  const run = makeRun(ports, active);
  const timer = setTimeout(() => active.abort(new TurnAbort("timeout")), Math.max(0, turnMs(limits, claim) - claim.turn.ageMs));
  try {
    await settleTurn(ports, run, async () => answer(run, claim, await pastOf(ports, active)));
  } finally {
    clearTimeout(timer);
    holder.letGo(active);
  }
  // What it holds beyond what it has used is wanted by others.
  if (claim.spending !== null) await orderPosting(ports, [claim.organizationId]);
  await askForCompaction(ports, claim);
}

const turnMs = (limits: Limits, { turn }: ClaimedTurn): number =>
  turn.options.timeoutMs === undefined ? limits.turnMs : Math.min(turn.options.timeoutMs, limits.turnAskedMs);

function makeRun(ports: RunTurnPorts, active: ActiveTurn): TurnRun {
  const index = indexJournal(active.claim.journal);
  const purse = turnPurse(ports, active.claim);
  return {
    active,
    model: purse === null ? ports.model : endingWithoutMoney(holdModel(ports.model, purse, active.ensureFresh)),
    findAgent: (...agent) => outlastOutage(ports.clock, () => ports.findAgent(...agent), active.signal),
    findTools: ports.findTools,
    memory: purse === null ? ports.memory : { ...ports.memory, embed: holdEmbedding(ports.memory.embed, ports.embeddingModel, purse) },
    peers: ports.peers,
    payments: turnPayments(ports, active.claim, purse),
    mayAskForPeers: false,
    showFiles: createFileShow(ports.files, active.claim.organizationId),
    tainted: false,
    taintTold: null,
    store: ports.store,
    cards: new Map(active.claim.cards.map((card) => [card.id, card])),
    clock: ports.clock,
    limits: ports.limits,
    random: ports.random,
    isDraining: ports.isDraining,
    journal: index,
    usage: active.usage,
    childrenStarted: index.children(),
    kickChild: (childId) => {
      const { organizationId } = active.claim;
      void kick(ports, { organizationId, conversationId: childId }, { epoch: FIRST_EPOCH, isChild: true });
    },
    execute: runExecution,
  };
}

async function answer(run: TurnRun, claim: ClaimedTurn, { summary, history }: Past) {
  const { turn } = claim;
  const { attemptsPerTurnMax, historyCharsMax } = run.limits;
  if (claim.stopReason !== null) throw new TurnAbort(claim.stopReason);
  if (turn.attempt - turn.giveBacks > attemptsPerTurnMax) throw new TurnAbort("attempts_exhausted");
  const agent = await run.findAgent(claim.organizationId, claim.agentId, turn.agentVersion);
  if (agent === null) throw new TurnAbort("internal", "The agent's version does not exist any more.");
  const { signal } = run.active;
  run.mayAskForPeers = agent.config.mayAsk;
  if (turn.options.peerCall === true)
    return answerByPeer(run, { id: claim.conversationId, agent, depth: 0, messages: [], tainted: true, signal });
  await run.payments.forAgent(agent.id, signal);
  const facts = {
    organizationId: claim.organizationId,
    agent,
    userEmail: turn.user?.email ?? null,
    text: turn.text,
    signal,
    use: usedAt(run, { executionId: claim.conversationId, step: 0, try: 0 }),
  };
  const memories = await outlastOutage(run.clock, () => loadMemories(run.memory, facts), signal);
  // What a background child is asked was written by a model; by then its parent may have read anything.
  run.tainted =
    claim.isChild ||
    [summary, ...history, ...memories].some((told) => told?.tainted) ||
    [turn, ...history].some(holdsForeignText) ||
    history.some(hasChildResult);
  const root: RunningExecution = {
    id: claim.conversationId,
    agent,
    depth: 0,
    messages: [
      ...systemMessages(agent, turn.options, { summary, memories }),
      ...historyMessages(history, historyCharsMax),
      userMessage(turn.text, turn.files),
    ],
    signal,
    tainted: false,
  };
  return runExecution(run, root);
}

const usedAt = ({ usage, active }: TurnRun, place: CallPlace): EmbeddingUse => ({
  onCall(soFar) {
    usage.open(place, soFar);
    active.noteCall(soFar());
  },
  meter: (reading) => usage.add(place, reading),
});

/** A worker that shuts down takes nothing new: the order goes to another one. */
async function handOn(ports: RunTurnPorts, key: ConversationKey): Promise<void> {
  await ports.queue.enqueue("turn.run", jobPayload(key), { urgent: true }).catch((error: unknown) => {
    if (!isGatewayError(error, "storage_unavailable")) throw error;
  });
}
