import { type EventData, isGatewayError, type NewEvent, type Usage } from "@parley/contracts";
import { announce, kick } from "./kick.ts";
import { outlastOutage } from "./outlast-outage.ts";
import type { NewCard } from "./stored-card.ts";
import { TurnAbort } from "./turn-abort.ts";
import type { Committed } from "./turn-log.ts";
import type { RunTurnPorts, TurnEnd, TurnRun } from "./turn-run.ts";
import type { TurnChanges, TurnOutcome } from "./turn-store.ts";

/** Runs the work and writes down how it ended: exactly one end per turn, whatever happens on the way. */
export async function settleTurn(ports: RunTurnPorts, run: TurnRun, work: () => Promise<TurnEnd>): Promise<void> {
  try {
    await writeEnd(ports, run, await work());
  } catch (error) {
    await settleAbort(ports, run, toAbort(ports, run, error));
  }
}

async function writeEnd(ports: RunTurnPorts, run: TurnRun, end: TurnEnd): Promise<void> {
  const { conversationId: rootId, turn } = run.active.claim;
  if (end.kind === "answer") {
    const usage = totalUsage(run);
    await write(ports, run, { finish: { status: "completed", reason: null, text: null, result: end.response.text, usage } });
    return;
  }
  if (end.kind === "peer") return writePeerEnd(ports, run, end);
  const { cards, children = [] } = end;
  const about = { executionId: rootId, turnId: turn.id };
  await write(ports, run, {
    pause: { cards },
    children,
    events: [
      ...cards.map((card): NewEvent => ({ ...about, executionId: card.executionId, type: "card.opened", data: openedData(card) })),
      { ...about, type: "turn.paused", data: { cardIds: cards.map((card) => card.id), attempt: turn.attempt } },
    ],
  });
}

/** The turn was a call of a peer: what came of it goes to the log that has called. */
async function writePeerEnd(ports: RunTurnPorts, run: TurnRun, end: Extract<TurnEnd, { kind: "peer" }>): Promise<void> {
  const { told, report, children } = end;
  const usage = totalUsage(run);
  const said = { result: told.text, usage, report };
  const failed = {
    status: told.unknown === true ? ("error" as const) : ("failed" as const),
    reason: told.reason ?? ("peer_failed" as const),
    text: report.error,
  };
  const finish = told.isError ? { ...failed, ...said } : { status: "completed" as const, reason: null, text: null, ...said };
  await write(ports, run, { finish, children });
}

function openedData({ id: cardId, expiresAt, ...card }: NewCard): EventData["card.opened"] {
  return card.kind === "questions"
    ? { cardId, expiresAt, kind: card.kind, questions: card.body }
    : { cardId, expiresAt, kind: card.kind, approval: card.body };
}

async function settleAbort(ports: RunTurnPorts, run: TurnRun, abort: TurnAbort): Promise<void> {
  const { claim, log } = run.active;
  // Whatever still runs for this turn ends now; its sockets are closed by the signal.
  run.active.abort(abort);
  await log.settled();
  if (abort.reason === "lease_lost") return saveUsage(ports, run);
  if (abort.reason === "shutdown") {
    const given = await log.giveBack(run.usage.unsaved());
    if (given) await kick(ports, claim, { epoch: claim.epoch, isChild: claim.isChild, urgent: true });
    return given ? undefined : saveUsage(ports, run);
  }
  try {
    await write(ports, run, { finish: outcomeOf(run, abort) });
  } catch (error) {
    if (!(error instanceof TurnAbort)) throw error;
    // The user's stop came in between and is told instead; or somebody else has taken over.
    if (error.reason === "lease_lost") return saveUsage(ports, run);
    await write(ports, run, { finish: outcomeOf(run, error) });
  }
}

function outcomeOf(run: TurnRun, abort: TurnAbort): TurnOutcome {
  const said = run.active.log.textOf(run.active.claim.conversationId);
  const result = said === "" ? null : said;
  const usage = totalUsage(run);
  const { reason, text, refusedBy } = abort;
  if (reason === "user_stop" || reason === "superseded") return { status: "stopped", reason, text: null, result, usage };
  const status = reason === "internal" || reason === "model_unavailable" || reason === "attempts_exhausted" ? "error" : "failed";
  return { status, reason, text, ...(refusedBy && { refusedBy }), result, usage };
}

async function write(ports: RunTurnPorts, run: TurnRun, changes: TurnChanges): Promise<Committed> {
  const usage = run.usage.unsaved();
  const done = await run.active.log.commit({ ...changes, usage });
  run.usage.saved(usage);
  if (changes.finish !== undefined) ports.metrics.turnEnded({ end: changes.finish.status, reason: changes.finish.reason });
  const { claim } = run.active;
  // Before the next turn is ordered, whose own deltas have to stay. A turn that passed on leaves them to its next holder.
  ports.tail.expireDeltas(claim.conversationId);
  if (done.parent !== null) await announce(ports, claim.organizationId, done.parent);
  if (done.kick) await kick(ports, claim, { epoch: done.epoch, isChild: claim.isChild });
  return done;
}

/** The root's own use. A conversation's total adds its children's. */
const totalUsage = (run: TurnRun): Usage => run.usage.of(run.active.claim.conversationId);

function toAbort(ports: RunTurnPorts, run: TurnRun, error: unknown): TurnAbort {
  if (error instanceof TurnAbort) return error;
  const { reason } = run.active.signal;
  if (run.active.signal.aborted && reason instanceof TurnAbort) return reason;
  if (isGatewayError(error, "storage_unavailable")) {
    // Not the turn's fault: it is let go as it stands, and whoever claims it when Postgres is back goes on from the journal.
    ports.log.warn({ err: error, conversationId: run.active.claim.conversationId }, "turn let go");
    return new TurnAbort("lease_lost");
  }
  ports.log.error({ err: error, conversationId: run.active.claim.conversationId }, "turn failed");
  return new TurnAbort("internal");
}

async function saveUsage(ports: RunTurnPorts, run: TurnRun): Promise<void> {
  const lines = run.usage.unsaved();
  if (lines.length === 0) return;
  // Whoever runs the turn by now, these tokens were used.
  await outlastOutage(ports.clock, () => ports.store.recordUsage(run.active.claim, lines)).catch((error: unknown) => {
    if (!isGatewayError(error, "storage_unavailable")) throw error;
    ports.log.error({ err: error, conversationId: run.active.claim.conversationId, lines }, "usage not recorded");
  });
}
