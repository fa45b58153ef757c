import { type CardId, type NewEvent, NO_USAGE, newId } from "@parley/contracts";
import type { IntentRecord } from "../turn/journal-line.ts";
import { resultLines } from "../turn/record-result.ts";
import type { NewCard } from "../turn/stored-card.ts";
import type { CallEnd, PlannedCall, RunningExecution, TurnEnd, TurnRun } from "../turn/turn-run.ts";
import type { ChildChange } from "../turn/turn-store.ts";
import { callPeer, type PeerEnd } from "./call-peer.ts";
import { peerCard } from "./peer-card.ts";
import { tellOutcome } from "./tell-outcome.ts";

export type PeerIntent = Extract<IntentRecord, { act: "peer" }>;

/**
 * Makes a call of a peer inside its parent's turn: same lease, same log. That the peer fails is a result for the model; only what ends the turn is thrown.
 * Where the peer wants something of a person, the turn waits for that, and goes on with the same task.
 */
export async function runPeerCall(run: TurnRun, parent: RunningExecution, call: PlannedCall, intent: PeerIntent): Promise<CallEnd> {
  const { claim, log } = run.active;
  const { childId, mode, skill, callId } = intent;
  const toldAs = parent.agent.config.relayTo === undefined ? undefined : { executionId: parent.id, step: call.step + 1 };
  const end = await callPeer(run, { id: childId, mayAsk: run.mayAskForPeers, signal: parent.signal, toldAs });
  if (end.kind === "asks") {
    const { card, change } = asking(run, parent, end, { step: call.step, callIndex: call.callIndex });
    if (change !== null) await log.commit({ children: [change] }, [childId]);
    return { waitsFor: [card] };
  }
  const { told, report } = await tellOutcome(run.peers, { ...end, signal: parent.signal });
  // What it has used is shown as the turn's, and charged by the call.
  if (toldAs !== undefined && report.tokens !== undefined) run.usage.count(parent.id, { ...NO_USAGE, ...report.tokens });
  const status = told.isError ? (told.unknown === true ? "error" : "failed") : "completed";
  const reason = told.isError ? (told.reason ?? ("peer_failed" as const)) : null;
  const usage = run.usage.of(childId);
  const { id: agentId } = parent.agent;
  const lines = resultLines(run, parent, call, told);
  const called = { name: end.call.target.name, skill, callId };
  const data = { childId, agentId, mode, status, result: told.text, reason, usage, report, call: called } as const;
  const finished: NewEvent = { type: "child.finished", executionId: parent.id, turnId: claim.turn.id, data };
  await log.commit(
    {
      journal: [lines.journal],
      children: [endOf(end), { change: "end", id: childId, status, result: told.text, reason, usage }],
      events: [finished, lines.event],
    },
    [childId],
  );
  return { result: told };
}

/** A background child that is a call of a peer: its turn is nothing else. */
export async function answerByPeer(run: TurnRun, root: RunningExecution): Promise<TurnEnd> {
  const end = await callPeer(run, { id: root.id, mayAsk: run.mayAskForPeers, signal: root.signal });
  if (end.kind === "asks") {
    const { card, change } = asking(run, root, end, { step: 1, callIndex: 0 });
    return { kind: "paused", cards: [card], children: change === null ? [] : [change] };
  }
  return { kind: "peer", ...(await tellOutcome(run.peers, { ...end, signal: root.signal })), children: [endOf(end)] };
}

/** The card that waits already, or a new one and the mark in the ledger that it is waited for. */
function asking(
  run: TurnRun,
  execution: RunningExecution,
  { call, outcome, card: known }: Extract<PeerEnd, { kind: "asks" }>,
  place: { step: number; callIndex: number },
): { card: NewCard; change: ChildChange | null } {
  const id = known ?? newId<CardId>();
  const card = peerCard(run, execution, { id, ...place, call, outcome });
  if (known !== null) return { card, change: null };
  const { state, taskId, contextId, prompt } = outcome;
  return { card, change: { change: "peer", id: call.id, state: "waiting", peerState: state, taskId, contextId, cardId: id, prompt } };
}

function endOf({ call, outcome, isOwed }: Extract<PeerEnd, { kind: "ended" }>): ChildChange {
  const { state: peerState, taskId, contextId, prompt } = outcome;
  return { change: "peer", id: call.id, state: isOwed ? "canceling" : "ended", peerState, taskId, contextId, cardId: null, prompt };
}
