import { type CallRecord, hashArguments } from "@parley/contracts";
import type { PeerTool } from "../peer/peer-tools.ts";
import { type PeerIntent, runPeerCall } from "../peer/run-peer-call.ts";
import { startPeerCall } from "../peer/start-peer-call.ts";
import { approvalOutcome, questionsOutcome } from "./card-outcome.ts";
import type { IntentRecord, ResultRecord } from "./journal-line.ts";
import { approvalCard, argumentsOf, type GatedIntent, questionsCard } from "./open-card.ts";
import { recordResult, resultLines } from "./record-result.ts";
import { settledResult } from "./record-step.ts";
import type { RouterTools } from "./router-tools.ts";
import { runChild } from "./run-child.ts";
import { runTool } from "./run-tool.ts";
import { type DispatchIntent, startChild, startedInBackground } from "./start-child.ts";
import type { NewCard } from "./stored-card.ts";
import type { CallEnd, PlannedCall, RunningExecution, TurnRun } from "./turn-run.ts";

interface Step {
  step: number;
  calls: CallRecord[];
  intents: IntentRecord[];
  tools: RouterTools;
}

/**
 * Does what the calls of a step intend, all at once. Recorded results are not made again. Waits for every one, also
 * when one fails, so that nothing of the step is left running. `cards` are what people have to decide before the step has all its results.
 */
export async function actOnCalls(
  run: TurnRun,
  execution: RunningExecution,
  { step, calls, intents, tools }: Step,
): Promise<{ results: (ResultRecord | undefined)[]; cards: NewCard[] }> {
  const acts = intents.map((intent, callIndex) =>
    act(run, execution, tools, { step, callIndex, tool: calls[callIndex]?.name ?? "", intent }),
  );
  const settled = await Promise.allSettled(acts);
  const failed = settled.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const ends = settled.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  return {
    results: ends.map((end) => ("result" in end ? end.result : undefined)),
    cards: ends.flatMap((end) => ("waitsFor" in end ? end.waitsFor : [])),
  };
}

async function act(run: TurnRun, execution: RunningExecution, tools: RouterTools, call: PlannedCall): Promise<CallEnd> {
  const { step, callIndex, intent } = call;
  const known = run.journal.result(execution.id, step, callIndex) ?? settledResult(intent);
  if (known != null) return { result: known };
  switch (intent.act) {
    case "refuse":
      return { result: { text: intent.text, isError: true, words: "own" } };
    case "ask": {
      const card = run.cards.get(intent.cardId);
      if (card?.kind !== "questions" || card.status === "open") return { waitsFor: [questionsCard(run, execution, call, intent)] };
      return { result: await recordResult(run, execution, call, questionsOutcome(card)) };
    }
    case "tool":
      return (
        (await passApproval(run, execution, call, intent, tools)) ?? { result: await callTool(run, execution, tools, { call, intent }) }
      );
    case "dispatch": {
      const refused = await passApproval(run, execution, call, intent, tools);
      if (refused !== null) return refused;
      return intent.mode === "sync" ? runChild(run, execution, call, intent) : { result: startedInBackground(intent.childId) };
    }
    case "peer": {
      const refused = await passApproval(run, execution, call, intent, tools);
      if (refused !== null) return refused;
      return intent.mode === "sync" ? runPeerCall(run, execution, call, intent) : { result: startedInBackground(intent.childId) };
    }
  }
}

/** Null where the call may be made: it needs no approval, or has it. Otherwise what comes instead. */
async function passApproval(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  intent: GatedIntent,
  tools: RouterTools,
): Promise<CallEnd | null> {
  const { approvalId } = intent;
  if (approvalId === undefined) return null;
  const card = run.cards.get(approvalId);
  if (card?.kind !== "approval" || card.status === "open")
    return { waitsFor: [approvalCard(run, execution, call, { id: approvalId, intent })] };
  const refused = approvalOutcome(card);
  if (refused !== null) return { result: await recordResult(run, execution, call, refused) };
  if (card.argumentsHash !== hashArguments(argumentsOf(intent))) {
    return {
      result: await recordResult(run, execution, call, { text: "Another call than this was approved.", isError: true, words: "own" }),
    };
  }
  if (run.journal.started(execution.id, call.step, call.callIndex)) return null;
  const skill = intent.act === "peer" ? skillOf(tools, intent) : null;
  if (skill === undefined)
    return { result: await recordResult(run, execution, call, { text: "There is no such agent any more.", isError: true, words: "own" }) };
  await beginApproved(run, execution, call, { intent, skill });
  return null;
}

/** By what it stands for: names may be given otherwise by now. */
const skillOf = ({ peers }: RouterTools, intent: PeerIntent): PeerTool | undefined =>
  [...peers.values()].find(({ peerRef, skill }) => peerRef === intent.peerRef && (skill?.id ?? null) === intent.skill);

/** From here on an approved call may have been made, and a child exists; a background one is done with that. */
async function beginApproved(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  { intent, skill }: { intent: GatedIntent; skill: PeerTool | null },
): Promise<void> {
  const { log } = run.active;
  const { step, callIndex, tool } = call;
  const started = { executionId: execution.id, step, callIndex, kind: "started" as const, payload: null };
  if (intent.act === "tool") {
    await log.commit({ journal: [started] });
    return;
  }
  const { child, event } =
    intent.act === "peer" && skill !== null
      ? startPeerCall(run, execution, intent, skill)
      : await startChild(run, execution, intent as DispatchIntent, tool);
  if (intent.mode === "sync") {
    await log.commit({ journal: [started], children: [child], events: [event] });
    return;
  }
  const done = resultLines(run, execution, call, startedInBackground(intent.childId));
  await log.commit({ journal: [started, done.journal], children: [child], events: [event, done.event] });
  run.kickChild(intent.childId);
}

/** A call that an earlier attempt may have made is made again only where repeating it changes nothing. */
async function callTool(
  run: TurnRun,
  execution: RunningExecution,
  tools: RouterTools,
  { call, intent }: { call: PlannedCall; intent: Extract<IntentRecord, { act: "tool" }> },
): Promise<ResultRecord> {
  const tool = tools.own.get(intent.tool);
  if (tool === undefined)
    return recordResult(run, execution, call, { text: `There is no tool ${intent.tool} any more.`, isError: true, words: "own" });
  const { step, callIndex } = call;
  const maybeMade =
    intent.approvalId === undefined
      ? run.journal.response(execution.id, step) !== undefined
      : run.journal.started(execution.id, step, callIndex);
  if (!maybeMade || tool.idempotent) return runTool(run, execution, call, { tool, intent });
  return recordResult(run, execution, call, {
    text: "Whether this call was made is unknown: its worker was lost before the answer was seen. It was not made again.",
    isError: true,
    unknown: true,
    words: "own",
  });
}
