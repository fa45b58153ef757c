import type { NewEvent, Usage } from "@parley/contracts";
import { memoryTools } from "../memory/memory-tools.ts";
import { hopsLeft } from "../peer/hops-left.ts";
import { loadPeerTools } from "../peer/peer-tools.ts";
import { relayExecution } from "../peer/relay-execution.ts";
import { actOnCalls } from "./act-on-calls.ts";
import type { AgentTool } from "./agent-tool.ts";
import { callModel } from "./call-model.ts";
import { effortOf } from "./effort-of.ts";
import { hearSteers } from "./hear-steers.ts";
import type { IntentRecord, ResponseRecord, ResultRecord } from "./journal-line.ts";
import { planCall } from "./plan-call.ts";
import { recordStep } from "./record-step.ts";
import { type DispatchTool, type RouterTools, routerTools } from "./router-tools.ts";
import { isTainted, tellTaint, toldResult } from "./taint.ts";
import { TurnAbort } from "./turn-abort.ts";
import { concluding, isRepeated, REPEATED } from "./turn-guard.ts";
import type { ExecutionEnd, RunningExecution, TurnRun } from "./turn-run.ts";

/** Steps until the model answers without a call. Recorded steps are not run again. Throws `TurnAbort`. */
export async function runExecution(run: TurnRun, execution: RunningExecution): Promise<ExecutionEnd> {
  const { relayTo } = execution.agent.config;
  if (relayTo !== undefined) return relayExecution(run, execution, relayTo);
  const loaded = await loadTools(run, execution);
  const asked = isRoot(execution) ? run.active.claim.turn.options.stepsMax : undefined;
  const stepsMax = Math.min(asked ?? execution.agent.config.stepsMax, run.limits.stepsPerTurnMax);
  for (let step = 1; step <= stepsMax; step += 1) {
    execution.signal.throwIfAborted();
    await hearSteers(run, execution, step - 1);
    await tellTaint(run, execution, step);
    const concludes = isGuarded(run, execution) && stepsMax > 1 && step === stepsMax;
    const tools = concludes ? NO_TOOLS : loaded;
    const { response, intents } = await takeStep(run, execution, { tools, step, concludes });
    if (intents.length === 0) return { kind: "answer", step, response };
    execution.messages.push({
      role: "assistant",
      content: response.text,
      toolCalls: response.calls.map((call) => ({ id: call.callId, name: call.name, arguments: call.arguments })),
    });
    const { results, cards } = await actOnCalls(run, execution, { step, calls: response.calls, intents, tools });
    if (cards.length > 0) return { kind: "paused", cards };
    for (const [index, call] of response.calls.entries()) {
      const result = results[index] ?? NO_RESULT;
      execution.messages.push({ role: "tool", toolCallId: call.callId, content: toldResult(result) });
      execution.tainted ||= result.words !== "own";
    }
    if (run.isDraining()) throw new TurnAbort("shutdown");
  }
  throw new TurnAbort("steps_exhausted");
}

const NO_RESULT: ResultRecord = { text: "", isError: false, words: "own" };

const NO_TOOLS: RouterTools = routerTools([], [], false);

const isRoot = ({ depth }: RunningExecution): boolean => depth === 0;

const isGuarded = (run: TurnRun, execution: RunningExecution): boolean =>
  isRoot(execution) && run.active.claim.turn.options.guarded === true;

interface Step {
  tools: RouterTools;
  step: number;
  /** It is the last one, and the model is told so. */
  concludes: boolean;
}

/** The recorded step, or a new one: asked of the model and, where it has calls, written down before any is acted on. */
async function takeStep(
  run: TurnRun,
  execution: RunningExecution,
  { tools, step, concludes }: Step,
): Promise<{ response: ResponseRecord; intents: IntentRecord[] }> {
  const recorded = run.journal.response(execution.id, step);
  if (recorded !== undefined) {
    run.usage.count(execution.id, recorded.usage);
    return { response: recorded, intents: run.journal.intents(execution.id, step) };
  }
  const response = await askModel(run, execution, { tools, step, concludes });
  if (response.calls.length === 0) return { response, intents: [] };
  const intents = response.calls.map((call, index): IntentRecord => {
    if (isGuarded(run, execution) && isRepeated(call, execution.messages, response.calls.slice(0, index)))
      return { act: "refuse", callId: call.callId, text: REPEATED };
    const facts = {
      tools,
      mayAsk: mayAsk(execution) && !concludes,
      forcedMode: run.active.claim.subTasks,
      childrenRefused: childrenRefused(run, execution, index),
      hopsLeft: hopsLeft(run),
      tainted: isTainted(run, execution),
    };
    const intent = planCall({ id: call.callId, name: call.name, arguments: call.arguments }, facts);
    if (intent.act === "dispatch" || intent.act === "peer") run.childrenStarted += 1;
    return intent;
  });
  await recordStep(run, execution, step, response, intents, tools);
  return { response, intents };
}

/** What the model is asked in a step: bounds and models of the turn itself count for the root alone, but for how much each answer may say. */
async function requestOf(run: TurnRun, execution: RunningExecution, { tools, concludes }: Step) {
  const { config } = execution.agent;
  const options = isRoot(execution) ? run.active.claim.turn.options : {};
  const { model, outputSchema } = options;
  const { outputTokensMax: asked = Number.POSITIVE_INFINITY } = run.active.claim.turn.options;
  const outputTokensMax = Math.min(config.maxOutputTokens ?? Number.POSITIVE_INFINITY, asked);
  return {
    request: {
      messages: await run.showFiles(concludes ? concluding(execution.messages) : execution.messages),
      tools: tools.definitions,
      ...(config.temperature === undefined ? {} : { temperature: config.temperature }),
      ...(Number.isFinite(outputTokensMax) && { maxOutputTokens: outputTokensMax }),
      ...effortOf(config, options),
      ...(outputSchema === undefined ? {} : { responseSchema: outputSchema }),
    },
    models: model === undefined ? [config.model, ...config.fallbackModels.slice(0, run.limits.fallbackModelsMax)] : [model],
  };
}

/** A model failed after it had begun to answer: readers discard what they have seen of it, and another try follows. */
async function retract({ active, usage }: TurnRun, executionId: string, why: NewEvent[]): Promise<void> {
  const { id: turnId, attempt } = active.claim.turn;
  const discardFrom = active.log.discard(executionId);
  const data = { attempt, nextAttempt: attempt, reason: "upstream" as const };
  const superseded: NewEvent[] =
    discardFrom === null ? [] : [{ type: "attempt.superseded", executionId, turnId, data: { ...data, discardFrom } }];
  const unsaved = usage.unsaved();
  await active.log.commit({ events: [...superseded, ...why], usage: unsaved });
  usage.saved(unsaved);
}

async function askModel(run: TurnRun, execution: RunningExecution, asked: Step): Promise<ResponseRecord> {
  const { id: executionId, signal } = execution;
  const { log, claim, ensureFresh, noteCall } = run.active;
  const { callsPerResponseMax, modelRetriesMax: retriesMax } = run.limits;
  const call = (tryNumber: number) => ({ executionId, step: asked.step, try: tryNumber });
  let used: Usage | undefined;
  const response = await callModel(
    { ...(await requestOf(run, execution, asked)), signal, executionId, turnId: claim.turn.id },
    {
      ...{ model: run.model, clock: run.clock, random: run.random, retriesMax, ensureFresh },
      onText: (text) => log.delta(executionId, asked.step, text),
      retract: (why) => retract(run, executionId, why),
      onCall(soFar, tryNumber) {
        run.usage.open(call(tryNumber), soFar);
        noteCall(soFar());
      },
      meter(reading, tryNumber) {
        run.usage.add(call(tryNumber), reading);
        used = reading;
      },
    },
  );
  if (response.toolCalls.length > callsPerResponseMax) {
    throw new TurnAbort("model_rejected", `The model made more than ${callsPerResponseMax} calls at once.`);
  }
  const calls = response.toolCalls.map((call) => ({ callId: call.id, name: call.name, arguments: call.arguments }));
  return { text: response.text, calls, model: response.model, finishReason: response.finishReason, usage: used ?? run.usage.of("") };
}

/** Questions are the root's alone; a child pauses the turn that it runs in for nothing but approvals. */
const mayAsk = (execution: RunningExecution): boolean => isRoot(execution) && execution.agent.config.mayAsk;

function childrenRefused(run: TurnRun, execution: RunningExecution, callIndex: number): string | null {
  const { childDepthMax, callsPerStepMax, childrenPerTurnMax } = run.limits;
  if (execution.depth >= childDepthMax) return `Agents may hand work on ${childDepthMax} levels deep; this is the last.`;
  if (callIndex >= callsPerStepMax) return `At most ${callsPerStepMax} calls may be made at once.`;
  if (run.childrenStarted >= childrenPerTurnMax) return `A turn may start at most ${childrenPerTurnMax} children.`;
  return null;
}

async function loadTools(run: TurnRun, execution: RunningExecution): Promise<RouterTools> {
  const { organizationId, conversationId } = run.active.claim;
  const targets = execution.agent.config.subAgents.slice(0, run.limits.subAgentsMax);
  const found = await Promise.all(
    targets.map(async ({ agentId, mode, needsApproval, sensitive }): Promise<DispatchTool[]> => {
      const agent = await run.findAgent(organizationId, agentId, null);
      return agent?.state !== "active" ? [] : [{ agent, mode, needsApproval, sensitive }];
    }),
  );
  const own = await run.findTools(execution.agent, { organizationId, conversationId });
  const skills = await loadPeerTools(run, execution);
  // What a tool or a peer says of itself is somebody else's text, too.
  execution.tainted ||= own.some(({ describedByOthers }) => describedByOthers === true) || skills.some(({ foreign }) => foreign);
  return routerTools(found.flat(), [...ownMemory(run, execution), ...own], mayAsk(execution), skills);
}

/** A child that runs within the turn has no earlier turns of its own, and what it is asked was written by another agent. */
function ownMemory(run: TurnRun, execution: RunningExecution): AgentTool[] {
  const { turn, summary } = run.active.claim;
  return memoryTools(run.memory, execution.agent, {
    turnNumber: turn.number,
    hasSummary: isRoot(execution) && summary !== null,
    isTainted: () => isTainted(run, execution) || !isRoot(execution),
  });
}
