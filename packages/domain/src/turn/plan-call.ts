import {
  askUserQuestions,
  type CardId,
  checkArguments,
  checkToolArguments,
  type DispatchMode,
  dispatchArguments,
  type ExecutionId,
  newId,
} from "@parley/contracts";
import type { ToolCall } from "../model/model.ts";
import type { PeerTool } from "../peer/peer-tools.ts";
import type { IntentRecord } from "./journal-line.ts";
import { ASK_TOOL, type RouterTools } from "./router-tools.ts";
import { parseJson } from "./storable.ts";

interface CallFacts {
  tools: RouterTools;
  mayAsk: boolean;
  /** Overrides every tool's own mode for this conversation. */
  forcedMode: DispatchMode | null;
  /** What the model has read by now is not all of its user's: what is sensitive needs an approval. */
  tainted: boolean;
  /** No more children may be started below this execution, and why. */
  childrenRefused: string | null;
  /** How many agents of others, one behind the other, may still work for the turn. */
  hopsLeft: number;
}

/** Decides what a call will do. What cannot be done becomes a refusal that the model reads, never a failure of the turn. */
export function planCall(call: ToolCall, facts: CallFacts): IntentRecord {
  const refuse = (text: string): IntentRecord => ({ act: "refuse", callId: call.id, text });
  const parsed = parseJson(call.arguments);
  if (parsed === undefined) return refuse("The arguments are not valid JSON.");

  if (call.name === ASK_TOOL && facts.mayAsk) {
    const asked = checkArguments(askUserQuestions, parsed);
    if (!asked.ok) return refuse(`The questions do not fit the schema: ${asked.why}`);
    return { act: "ask", callId: call.id, cardId: newId<CardId>(), questions: asked.value.questions };
  }

  const own = facts.tools.own.get(call.name);
  if (own !== undefined) {
    const given = checkToolArguments(own.definition.parameters, parsed);
    if (!given.ok) return refuse(`The arguments do not fit the schema: ${given.why}`);
    const needsApproval = own.needsApproval || own.asks?.(given.value) === true;
    return { act: "tool", callId: call.id, tool: call.name, arguments: given.value, ...approval({ ...own, needsApproval }, facts) };
  }

  const peer = facts.tools.peers.get(call.name);
  if (peer !== undefined) return planPeerCall(call, peer, parsed, facts);

  const target = facts.tools.dispatch.get(call.name);
  if (target === undefined) return refuse(`There is no tool ${call.name}.`);
  const input = checkArguments(dispatchArguments, parsed);
  if (!input.ok) return refuse(`The arguments do not fit the schema: ${input.why}`);
  if (facts.childrenRefused !== null) return refuse(facts.childrenRefused);
  const mode = chooseMode(facts.forcedMode ?? target.mode, input.value.background === true);
  const { id: agentId, version: agentVersion } = target.agent;
  const { query } = input.value;
  return {
    act: "dispatch",
    callId: call.id,
    childId: newId<ExecutionId>(),
    agentId,
    agentVersion,
    mode,
    query,
    ...approval(target, facts),
  };
}

/** Of a request that has come through other agents, or was to call none. */
const TOO_FAR = "The request has gone through as many agents as it may: no further one is called. Answer without it, and say so.";

function planPeerCall({ id: callId }: ToolCall, peer: PeerTool, parsed: unknown, facts: CallFacts): IntentRecord {
  const { childrenRefused, forcedMode } = facts;
  const given = checkToolArguments(peer.definition.parameters, parsed);
  if (!given.ok) return { act: "refuse", callId, text: `The arguments do not fit the schema: ${given.why}` };
  if (childrenRefused !== null) return { act: "refuse", callId, text: childrenRefused };
  if (facts.hopsLeft < 1) return { act: "refuse", callId, text: TOO_FAR };
  const mode = forcedMode === null || forcedMode === "auto" ? peer.mode : forcedMode;
  return {
    ...{
      act: "peer",
      callId,
      childId: newId<ExecutionId>(),
      peerRef: peer.peerRef,
      skill: peer.skill?.id ?? null,
      arguments: given.value,
      mode,
    },
    ...approval(peer, facts),
  };
}

function approval(
  { needsApproval, sensitive }: { needsApproval: boolean; sensitive: boolean },
  { tainted }: CallFacts,
): { approvalId?: string; tainted?: true } {
  const needed = needsApproval || (sensitive && tainted) ? { approvalId: newId<CardId>() } : {};
  return tainted ? { ...needed, tainted } : needed;
}

function chooseMode(mode: DispatchMode, background: boolean): "sync" | "async" {
  if (mode !== "auto") return mode;
  return background ? "async" : "sync";
}
