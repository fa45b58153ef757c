import type { NewEvent } from "@parley/contracts";
import { actOnCalls } from "../turn/act-on-calls.ts";
import type { ResponseRecord } from "../turn/journal-line.ts";
import { planCall } from "../turn/plan-call.ts";
import { recordStep } from "../turn/record-step.ts";
import { routerTools } from "../turn/router-tools.ts";
import { isTainted } from "../turn/taint.ts";
import { TurnAbort } from "../turn/turn-abort.ts";
import type { ExecutionEnd, RunningExecution, TurnRun } from "../turn/turn-run.ts";
import { hopsLeft } from "./hops-left.ts";
import { loadRelay } from "./peer-tools.ts";
import { textOfRemote } from "./remote-content.ts";

/** The peer is called in the first step, and has answered in the second. */
const STEP = 1;

/**
 * The run of an agent that hands on what it is asked. One call of its peer, journalled and kept in the ledger as any call that a model makes; what the peer says is the answer, and
 * taints it. Throws `TurnAbort`.
 */
export async function relayExecution(run: TurnRun, execution: RunningExecution, peerId: string): Promise<ExecutionEnd> {
  const { log, claim } = run.active;
  const asked = execution.messages.findLast(({ role }) => role === "user");
  const input = execution.depth === 0 ? claim.turn.text : typeof asked?.content === "string" ? asked.content : "";
  if (execution.depth === 0 && claim.turn.files.length > 0) throw new TurnAbort("peer_failed", "This agent takes no files.");
  const relay = await loadRelay(run, execution, peerId);
  if (relay === null) throw new TurnAbort("peer_failed", "The agent that this one hands on to is not there any more.");
  const tools = routerTools([], [], false, [relay]);
  const name = [...tools.peers.keys()][0] ?? "";
  const recorded = run.journal.response(execution.id, STEP);
  const response = recorded ?? calling(run, name, input);
  const intents = recorded === undefined ? [plan()] : run.journal.intents(execution.id, STEP);
  if (recorded === undefined) {
    run.childrenStarted += 1;
    await recordStep(run, execution, STEP, response, intents, tools);
  }
  const { results, cards } = await actOnCalls(run, execution, { step: STEP, calls: response.calls, intents, tools });
  if (cards.length > 0) return { kind: "paused", cards };
  const [result] = results;
  if (result === undefined || result.isError) {
    const said = result === undefined ? "" : (result.text.split("\n<")[0] ?? "");
    throw new TurnAbort(result?.reason ?? "peer_failed", said === "" ? "The agent has not answered." : said);
  }
  execution.tainted = true;
  const text = textOfRemote(result.text) ?? "";
  await tellWhole();
  return { kind: "answer", step: STEP + 1, response: { ...response, text, calls: [], finishReason: "stop" } };

  function plan() {
    const call = { id: "relay", name, arguments: JSON.stringify({ input }) };
    return planCall(call, {
      tools,
      mayAsk: false,
      forcedMode: null,
      tainted: isTainted(run, execution),
      childrenRefused: null,
      hopsLeft: hopsLeft(run),
    });
  }

  /** What was passed on piece by piece may be less than the answer, or another one. */
  async function tellWhole(): Promise<void> {
    const told = log.textOf(execution.id);
    if (!text.startsWith(told)) {
      const discardFrom = log.discard(execution.id);
      const { id: turnId, attempt } = claim.turn;
      const data = { attempt, nextAttempt: attempt, reason: "upstream" as const };
      const about = { type: "attempt.superseded", executionId: execution.id, turnId } as const;
      const superseded: NewEvent[] = discardFrom === null ? [] : [{ ...about, data: { ...data, discardFrom } }];
      await log.commit({ events: superseded });
    }
    log.delta(execution.id, STEP + 1, text.slice(log.textOf(execution.id).length));
  }
}

const calling = (run: TurnRun, name: string, input: string): ResponseRecord => ({
  text: "",
  calls: [{ callId: "relay", name, arguments: JSON.stringify({ input }) }],
  model: "relay",
  finishReason: "tool_calls",
  usage: run.usage.of(""),
});
