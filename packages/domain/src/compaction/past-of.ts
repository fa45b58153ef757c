import { isGatewayError, type NewEvent } from "@parley/contracts";
import { pastMessages } from "../turn/past-turn.ts";
import { TurnAbort } from "../turn/turn-abort.ts";
import type { ActiveTurn } from "../turn/turn-holder.ts";
import type { RunTurnPorts } from "../turn/turn-run.ts";
import type { Past } from "../turn/turn-store.ts";
import { isTailTooLong } from "./tail-bounds.ts";

type Ports = Pick<RunTurnPorts, "store" | "compactions" | "compact" | "limits" | "log">;

/** What is assumed of every language and model. */
const CHARS_PER_TOKEN = 4;

/**
 * What the turn is told of the turns before it. Where its caller keeps the summary itself, one that is due is made before the first step and told with
 * `history.compacted`; without one, be it that no model answers, the newest turns that fit are told.
 */
export async function pastOf(ports: Ports, active: ActiveTurn): Promise<Past> {
  const { claim } = active;
  const { summaryKnownThrough } = claim.turn.options;
  if (summaryKnownThrough === undefined || claim.stopReason !== null) return claim;
  const past = isTailTooLong(claim.history, ports.limits) ? await summarised(ports, active) : claim;
  const { summary } = past;
  // Of an earlier attempt of this turn the summary may be there already, and not yet told.
  if (summary === null || summary.throughTurn <= summaryKnownThrough) return past;
  const told: NewEvent = {
    type: "history.compacted",
    executionId: claim.conversationId,
    turnId: claim.turn.id,
    data: {
      summary: summary.parts.map(({ text }) => text).join("\n\n"),
      turns: summary.throughTurn - summaryKnownThrough,
      tokensBefore: tokensIn(claim),
      tokensAfter: tokensIn(past),
    },
  };
  await active.log.commit({ events: [told] });
  return past;
}

async function summarised({ store, compactions, compact, limits, log }: Ports, active: ActiveTurn): Promise<Past> {
  const { claim, signal } = active;
  await active.ensureFresh();
  try {
    await compactions.mark(claim);
    await compact(claim, signal);
    signal.throwIfAborted();
    return (await store.readPast(claim, { beforeNumber: claim.turn.number, turnsMax: limits.historyTurnsMax })) ?? claim;
  } catch (error) {
    if (error instanceof TurnAbort || !isGatewayError(error)) throw error;
    log.warn({ err: error, conversationId: claim.conversationId }, "the past was not summarised before its turn");
    return claim;
  }
}

function tokensIn({ summary, history }: Past): number {
  const texts = [...(summary?.parts ?? []).map(({ text }) => text), ...history.flatMap(pastMessages).map(({ content }) => content)];
  return Math.ceil(texts.reduce((chars, text) => chars + text.length, 0) / CHARS_PER_TOKEN);
}
