import { type MessageId, type NewEvent, newId, peerContextId, type TurnId } from "@parley/contracts";
import type { RunningExecution, TurnRun } from "../turn/turn-run.ts";
import type { ChildChange } from "../turn/turn-store.ts";
import { hopsOf } from "./hops-left.ts";
import type { PeerTool } from "./peer-tools.ts";
import type { PeerIntent } from "./run-peer-call.ts";

/** What the start of a call of a peer writes: the child, its row of the ledger, and the fact. Nothing is sent yet. */
export function startPeerCall(
  run: TurnRun,
  parent: RunningExecution,
  intent: PeerIntent,
  { target, sealed, did, priceMicros, priorTaskIds }: PeerTool,
): { child: ChildChange; event: NewEvent } {
  const { claim } = run.active;
  const { childId, mode, peerRef, skill, arguments: input, callId } = intent;
  const { id: agentId, version: agentVersion, config } = parent.agent;
  const query = JSON.stringify(input);
  const contextId = peerContextId(claim.conversationId, peerRef);
  const peerCall = { peerRef, target, sealed, skill, input, priceMicros, contextId, priorTaskIds };
  const base = { change: "start" as const, id: childId, parentId: parent.id, agentId, agentVersion, text: query, peerCall };
  const wakesParent = parent.depth === 0 && config.wakeOnAsyncResult;
  const didSource = did === null ? null : target.trust.pinnedDid === undefined ? "observed" : "pinned";
  const peer = { peerId: target.peerId, name: target.name, did, didSource, skill, callId, input } as const;
  return {
    child:
      mode === "sync"
        ? { ...base, mode }
        : { ...base, mode, messageId: newId<MessageId>(), turnId: newId<TurnId>(), wakesParent, ...hopsOf(run) },
    event: {
      type: "child.created",
      executionId: parent.id,
      turnId: claim.turn.id,
      data: { childId, agentId, agentVersion, agentName: target.name, mode, query, peer },
    },
  };
}
