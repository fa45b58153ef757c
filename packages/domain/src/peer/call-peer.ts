import { type PeerState, peerMessageId } from "@parley/contracts";
import { outlastOutage } from "../turn/outlast-outage.ts";
import type { StoredCard } from "../turn/stored-card.ts";
import { TurnAbort } from "../turn/turn-abort.ts";
import type { TurnRun } from "../turn/turn-run.ts";
import { hearPeer, type ToldAs } from "./hear-peer.ts";
import { hopsLeft } from "./hops-left.ts";
import { keptOutcome } from "./kept-outcome.ts";
import { openTarget } from "./open-target.ts";
import type { PeerCall, PeerHearing, PeerOutcome } from "./peer-client.ts";
import type { PeerCallRow } from "./peer-store.ts";

/** Where a call stands when nothing more can be done for it now. */
export type PeerEnd =
  /** `isOwed`: the peer has perhaps still a task that nobody wants. */
  | { kind: "ended"; call: PeerCallRow; outcome: PeerOutcome; isOwed: boolean }
  /** A person has to say something first: `card` is the one that waits already, or null where there is none yet. */
  | { kind: "asks"; call: PeerCallRow; outcome: PeerOutcome; card: string | null };

interface CallFacts {
  id: string;
  /** Whether people may be asked for it. */
  mayAsk: boolean;
  signal: AbortSignal;
  toldAs?: ToldAs | undefined;
}

/**
 * Makes a call of the ledger, or goes on with it, wherever an attempt before this one has left it. A message is sent once: what may have been sent is looked
 * for at the peer, and where that cannot be done the outcome is `unknown`; unless the peer promises that a repeated message is one task. Throws `TurnAbort`.
 */
export async function callPeer(run: TurnRun, { id, mayAsk, signal, toldAs }: CallFacts): Promise<PeerEnd> {
  const { organizationId } = run.active.claim;
  const row = await outlastOutage(run.clock, () => run.peers.calls.find(organizationId, id), signal);
  if (row === null) throw new TurnAbort("internal", "The call is not in the ledger.");
  if (row.state === "ended" || row.state === "canceling") return ended({ ...row, peerState: null }, "The call was given up before.", false);
  const answer = answerOf(run, row);
  if (answer === "waits") return { kind: "asks", call: row, outcome: standing(row), card: row.cardId };
  if (answer !== null && "refused" in answer) return ended(row, answer.refused, true);

  const bound = boundOf(run, row, signal);
  try {
    const outcome = keptOutcome(await converse(run, row, { said: answer?.said, signal: bound.signal, toldAs }));
    const { tokens } = outcome;
    if (tokens !== undefined) await outlastOutage(run.clock, () => run.peers.calls.recordTokens({ organizationId, id, ...tokens }), signal);
    const asks = outcome.error === null && (outcome.state === "input-required" || outcome.state === "auth-required");
    if (asks && mayAsk && row.round <= run.limits.peerQuestionsMax) return { kind: "asks", call: row, outcome, card: null };
    // Of a message that may have been taken up there may be a task, too: it is looked for, and cancelled.
    return { kind: "ended", call: row, outcome, isOwed: outcome.state === "unknown" || (asks && outcome.taskId !== null) };
  } catch (error) {
    signal.throwIfAborted();
    if (!bound.signal.aborted) throw error;
    return ended({ ...row, peerState: null }, "The agent gave no answer in time.", true);
  } finally {
    bound.end();
  }
}

/** Before a message that got no answer is looked for at the peer, and then once more. */
const AGAIN_MS = [250, 1_000];

interface Talk {
  said: Said | undefined;
  signal: AbortSignal;
  toldAs: ToldAs | undefined;
}

/**
 * Sends the next message, or finds out what has become of one that was perhaps sent before. One that gets no answer is treated as whoever takes over would: it is
 * looked for, and sent again only to a peer that knows a repeated one.
 */
async function converse(run: TurnRun, row: PeerCallRow, talk: Talk): Promise<PeerOutcome> {
  if (row.round === 0 && !(await run.payments.forPeer(row.id, talk.signal)))
    return { ...lost(row, "The agent has no price, and is not called without."), state: "failed" };
  const isNew = row.state === "planned" || talk.said !== undefined;
  const round = isNew ? row.round + 1 : row.round;
  let first: PeerOutcome | null = null;
  for (const pauseMs of [...AGAIN_MS, null]) {
    const { outcome, isOpen } = await exchange(run, row, { ...talk, round });
    if (!isOpen || pauseMs === null) return outcome ?? first ?? lost(row, NOT_CALLED_AGAIN);
    first ??= outcome;
    await run.clock.sleep(pauseMs, talk.signal);
    talk.signal.throwIfAborted();
  }
  return first ?? lost(row, NOT_CALLED_AGAIN);
}

const NOT_CALLED_AGAIN =
  "Whether the agent was called is unknown: the worker was lost before its answer was seen. It was not called again.";

/**
 * One message to the peer, or one look for it. `isOpen`: nobody knows yet whether it was taken up, and another look may tell. Null: the peer does not show it, and may not
 * be sent it again.
 */
async function exchange(
  run: TurnRun,
  row: PeerCallRow,
  { said, signal, toldAs, round }: Talk & { round: number },
): Promise<{ outcome: PeerOutcome | null; isOpen: boolean }> {
  const { peers } = run;
  const { token, hash } = peers.makeToken();
  await run.active.ensureFresh();
  const { organizationId, conversationId, epoch } = run.active.claim;
  const key = { organizationId, conversationId, epoch, id: row.id, round, pushToken: hash };
  const begun = await outlastOutage(run.clock, () => peers.calls.begin(key), signal);
  if (begun.outcome !== "ok") {
    if (begun.outcome === "gone") return { outcome: lost(row, "The call was given up before."), isOpen: false };
    throw new TurnAbort(begun.outcome === "stale" ? "lease_lost" : "user_stop");
  }

  const call: PeerCall = {
    target: openTarget(peers, row),
    messageId: peerMessageId(row.id, round),
    contextId: row.contextId,
    taskId: row.taskId,
    referenceTaskIds: row.taskId === null ? [...new Set([...row.priorTaskIds, ...begun.earlierTasks])] : [],
    skill: row.skill,
    input: said?.input ?? row.input,
    hopsMax: Math.max(0, hopsLeft(run) - 1),
    push: peers.publicUrl === null ? null : { url: `${peers.publicUrl}/peers/push/${row.id}`, token },
    signal,
  };
  const heard = hearPeer(run, row, toldAs);
  let isTaken = false;
  const hearing: PeerHearing = {
    ...heard,
    onTask(task) {
      isTaken = true;
      return heard.onTask(task);
    },
  };
  // An authorization is given elsewhere: the peer is only looked after.
  const sends = begun.fresh && said?.isElsewhere !== true;
  /** That a repeated message was refused, or did not go out, says nothing of the one before it. */
  async function sendAgain(): Promise<PeerOutcome> {
    const again = await peers.client.send(call, { ...hearing, onRefused: async () => undefined });
    return again.state === "failed" && again.taskId === null && !isTaken ? { ...again, state: "unknown" } : again;
  }
  const found = sends ? null : await peers.client.reconcile({ ...call, sentTaskId: row.taskId }, hearing);
  const outcome = found ?? (sends ? await peers.client.send(call, hearing) : call.target.deduplicates ? await sendAgain() : null);
  return { outcome, isOpen: outcome?.state === "unknown" && !isTaken };
}

interface Said {
  input: Record<string, unknown>;
  /** It is done, and nothing is to be told. */
  isElsewhere: boolean;
}

/** What a person has said to what the peer wants; null where nothing was asked. */
function answerOf(run: TurnRun, row: PeerCallRow): { said: Said } | { refused: string } | "waits" | null {
  if (row.state !== "waiting") return null;
  const card = row.cardId === null ? undefined : run.cards.get(row.cardId);
  if (card === undefined || card.status === "open") return "waits";
  if (card.status === "answered") return said(card, row.peerState);
  if (card.status === "expired") return { refused: "What the agent asked for was not answered in time." };
  if (card.status === "superseded") return { refused: "The user did not answer the agent, but sent a message instead." };
  return { refused: "What the agent asked for was withdrawn before it was answered." };
}

function said(card: StoredCard, state: PeerState | null): { said: Said } | { refused: string } {
  const [answer] = card.kind === "questions" ? (card.answer?.answers ?? []) : [];
  const chosen = answer?.selectedOptionIds[0];
  if (chosen === GIVE_UP) return { refused: "The user does not want to go on with this agent's task." };
  return { said: { input: { input: answer?.freeText ?? "" }, isElsewhere: state === "auth-required" && chosen === DONE } };
}

/** The options of a card that asks for an authorization. */
export const DONE = "done";
export const GIVE_UP = "give_up";

function boundOf(run: TurnRun, { target }: PeerCallRow, signal: AbortSignal): { signal: AbortSignal; end(): void } {
  const over = new AbortController();
  const ms = Math.min(target.timeoutMs ?? run.limits.peerCallMs, run.limits.peerCallMs);
  const timer = setTimeout(() => over.abort(new TurnAbort("timeout")), ms);
  return { signal: AbortSignal.any([signal, over.signal]), end: () => clearTimeout(timer) };
}

/** As the ledger has it. */
const standing = ({ peerState, taskId, contextId, prompt, target }: PeerCallRow): PeerOutcome => ({
  ...{
    state: peerState ?? "unknown",
    taskId,
    contextId,
    prompt: prompt ?? "",
    error: null,
    text: "",
    artifacts: [],
    signatures: null,
    cut: false,
  },
  did: target.trust.pinnedDid ?? null,
  didSource: target.trust.pinnedDid === undefined ? null : "pinned",
});

const lost = (row: PeerCallRow, error: string): PeerOutcome => ({ ...standing(row), state: "unknown", error });

const ended = (call: PeerCallRow, error: string, isOwed: boolean): PeerEnd => ({
  ...{ kind: "ended", call, isOwed },
  outcome: { ...standing(call), state: call.peerState ?? "unknown", error },
});
