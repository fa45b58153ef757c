import { askUserQuestions, type CardId, type DispatchMode, type ExecutionId, newId } from "@parley/contracts";
import { z } from "zod";
import type { ToolCall } from "../model/model.ts";
import { ASK_TOOL, type RouterTools } from "./router-tools.ts";
import type { IntentRecord } from "./turn-store.ts";

const dispatchArguments = z.object({ query: z.string().min(1), background: z.boolean().nullish() });

interface CallFacts {
  tools: RouterTools;
  mayAsk: boolean;
  /** Overrides every tool's own mode for this conversation. */
  forcedMode: DispatchMode | null;
  /** No more children may be started below this execution, and why. */
  childrenRefused: string | null;
}

/** Decides what a call will do. What cannot be done becomes a refusal that the model reads, never a failure of the turn. */
export function planCall(call: ToolCall, facts: CallFacts): IntentRecord {
  const refuse = (text: string): IntentRecord => ({ act: "refuse", callId: call.id, text });
  const parsed = parseJson(call.arguments);
  if (parsed === undefined) return refuse("The arguments are not valid JSON.");

  if (call.name === ASK_TOOL && facts.mayAsk) {
    const asked = askUserQuestions.safeParse(parsed);
    if (!asked.success) return refuse(`The questions do not fit the schema: ${z.prettifyError(asked.error)}`);
    return { act: "ask", callId: call.id, cardId: newId<CardId>(), questions: asked.data.questions };
  }

  const target = facts.tools.dispatch.get(call.name);
  if (target === undefined) return refuse(`There is no tool ${call.name}.`);
  const input = dispatchArguments.safeParse(parsed);
  if (!input.success) return refuse(`The arguments do not fit the schema: ${z.prettifyError(input.error)}`);
  if (facts.childrenRefused !== null) return refuse(facts.childrenRefused);
  const mode = chooseMode(facts.forcedMode ?? target.mode, input.data.background === true);
  const { id: agentId, version: agentVersion } = target.agent;
  return { act: "dispatch", callId: call.id, childId: newId<ExecutionId>(), agentId, agentVersion, mode, query: input.data.query };
}

function chooseMode(mode: DispatchMode, background: boolean): "sync" | "async" {
  if (mode !== "auto") return mode;
  return background ? "async" : "sync";
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return undefined;
  }
}
