import {
  type Card,
  type Cursor,
  type Execution,
  GatewayError,
  type Limits,
  type LogEvent,
  type RefusedBy,
  type SubmitInput,
  type SubmitResult,
} from "@parley/contracts";
import type { Caller, Following, Gateway } from "@parley/domain";
import { type OpenStream, trackMessage, waitsBehindCard } from "@parley/router";
import { CLIENT_LEFT } from "../client-left.ts";
import { foldExecution } from "./fold-execution.ts";

/** What is told of a turn's events while it is waited for. */
export interface TurnEars {
  submitted(submitted: SubmitResult): Promise<void>;
  event(conversationId: string, event: LogEvent): Promise<void>;
}

/** What a door must have for a turn to be waited for. */
export interface Waiting {
  gateway: Gateway;
  caller: Caller;
  limits: Limits;
  /** What its idempotency keys are scoped to. */
  method: string;
  once: { route: string; key: string } | undefined;
  /** `leaving` aborts when the other end is gone. */
  peer: { openStream: OpenStream; leaving: AbortSignal };
}

interface Run {
  input: SubmitInput;
  /** Begins the conversation where there is none with its id. */
  invoke?: boolean;
  /** Never beyond the limit. */
  waitMs?: number | undefined;
  /** Tokens of each answer of a model. */
  outputTokensMax?: number | undefined;
  ears?: TurnEars;
}

/** What became of a message: the end or the pause of its turn, or that it is still to come. */
export interface TurnAnswer {
  response: string;
  tokensUsed: { input: number; output: number; total: number };
  finishReason: string;
  /** A conversation's id, by its other name. */
  sessionKey: string;
  conversationId: string;
  turnId: string | null;
  messageId: string;
  status: Execution["status"] | "cancelled";
  /** Of a turn that has not ended as it should. */
  reason: string | null;
  /** Of a turn that has failed: why, in a sentence. */
  error?: string;
  /** Of the reason `budget`: which balance or budget. */
  refusedBy?: RefusedBy;
  /** Where to go on following. */
  cursor: string;
  replayed: boolean;
  /** What a paused turn waits for. */
  cards?: Card[];
}

/** Submits a message and waits for its turn's end or pause. The turn does not depend on it: whoever stops waiting loses nothing. */
export async function runTurn(call: Waiting, run: Run): Promise<TurnAnswer> {
  const { input, invoke = false, waitMs = Number.POSITIVE_INFINITY, outputTokensMax, ears } = run;
  const { gateway, caller, peer, limits, method, once } = call;
  const close = peer.openStream(caller);
  const over = new AbortController();
  const bound = setTimeout(() => over.abort(CLIENT_LEFT), Math.min(waitMs, ears ? limits.streamMs : limits.syncWaitMs));
  try {
    const following = await gateway.submitAndFollow(
      caller,
      { ...input, idempotencyKey: once?.key },
      {
        ...{ route: once?.route ?? method, invoke, signal: AbortSignal.any([peer.leaving, over.signal]) },
        ...(outputTokensMax !== undefined && { outputTokensMax }),
      },
    );
    const { submitted } = following;
    await ears?.submitted(submitted);
    return await awaitEnd(call, { following, submitted, ears });
  } finally {
    clearTimeout(bound);
    close();
  }
}

interface Awaited {
  following: Following;
  submitted: Accepted;
  ears?: Pick<TurnEars, "event"> | undefined;
}

/** What is known of a message that was accepted. */
type Accepted = Pick<SubmitResult, "conversationId" | "messageId" | "turnId" | "cursor" | "action" | "replayed">;

/** Follows until the message's turn has ended or paused. */
export async function awaitEnd(call: Waiting, { following, submitted, ears }: Awaited): Promise<TurnAnswer> {
  const { gateway, caller, peer } = call;
  const pending = { ...following.execution, status: "pending", result: null, reason: null, turnId: submitted.turnId } as const;
  if (await waitsBehindCard(gateway, caller, { ...following, submitted })) return answerOf(pending, submitted, submitted.cursor);
  const track = trackMessage(submitted);
  let execution = following.execution;
  let cursor: string = following.cursor;
  for await (const event of following.events) {
    execution = foldExecution(execution, event);
    cursor = event.cursor;
    await ears?.event(submitted.conversationId, event);
    const standing = track(event);
    if (standing === "left") return { ...answerOf(pending, submitted, cursor), status: "cancelled", finishReason: "cancelled" };
    if (standing !== "ended") continue;
    return { ...answerOf(execution, submitted, cursor), ...failureIn(event), ...(await openCards(call, execution)) };
  }
  // The connection ends, or this process does: the same call with its key comes back to the same turn.
  if (peer.leaving.aborted) throw new GatewayError("stream_ended");
  return answerOf(pending, submitted, cursor);
}

function failureIn({ type, data }: LogEvent): Pick<TurnAnswer, "error" | "refusedBy"> {
  if (type !== "turn.failed") return {};
  return { error: data.text, ...(data.refusedBy && { refusedBy: data.refusedBy }) };
}

async function openCards({ gateway, caller }: Waiting, { status, conversationId }: Execution): Promise<{ cards?: Card[] }> {
  if (status !== "paused") return {};
  return { cards: (await gateway.getRunState(caller, conversationId)).cards };
}

const answerOf = (execution: Execution, submitted: Accepted, cursor: Cursor | string): TurnAnswer => {
  const { conversationId, messageId, replayed } = submitted;
  const { inputTokens: inward, outputTokens: outward } = execution.usage;
  const isPending = execution.status === "pending";
  return {
    response: execution.result ?? "",
    tokensUsed: isPending ? { input: 0, output: 0, total: 0 } : { input: inward, output: outward, total: inward + outward },
    finishReason: finishReasonOf(execution),
    ...{ sessionKey: conversationId, conversationId, turnId: execution.turnId, messageId },
    ...{ status: execution.status, reason: execution.reason, cursor, replayed },
  };
};

function finishReasonOf({ status, reason }: Pick<Execution, "status" | "reason">): string {
  if (status === "completed") return "stop";
  if (reason === "steps_exhausted") return "max_steps";
  if (reason === "budget") return "budget_exceeded";
  return status === "failed" ? "error" : status;
}
