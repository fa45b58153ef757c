import { type Cursor, GatewayError, type MessageMode, type RunState, type SubmitInput, type SubmitResult } from "@parley/contracts";
import type { Caller, Following, Once } from "@parley/domain";
import { endsWithQueued, waitsBehindCard } from "@parley/router";
import { type Door, type Handler, onConversation, onceOf, resumeCursor } from "./call.ts";
import { followStream } from "./follow-stream.ts";
import { readInvoke } from "./invoke-input.ts";
import { parse } from "./parse.ts";
import { attach, comeBack, lookups, runStream, streamOf } from "./run-stream.ts";
import type { SseStream } from "./sse-stream.ts";
import { afterDrain, afterMessage, never } from "./stream-ends.ts";
import { resumeQuery } from "./wire-input.ts";

/**
 * Runs a turn and tells it, and the queue behind it; of a message that waits behind a card it tells only that. With
 * `Last-Event-ID` it starts nothing: it goes on with the conversation named by `id`, or with the first answer to the
 * same idempotency key.
 */
export const invokeStream: Handler = async (door, call) => {
  const { caller, input } = await readInvoke(door, call);
  const seen = resumeCursor(call.request);
  const { conversationId } = input;
  if (seen !== undefined && conversationId !== undefined) return comeBack(door, call, { caller, conversationId, after: seen });
  if (seen !== undefined && input.idempotencyKey === undefined) throw needsId();
  // Agents are remembered for a few seconds: as a rule this is no read.
  await door.gateway.getAgent(caller, input.agentId, input.version);
  await refuseEarly(door, caller, input);
  const stream = streamOf(door, call, conversationId);
  await runStream(door, stream, async () => {
    const facts = { route: call.route, invoke: true, signal: stream.signal };
    const following = await door.gateway.submitAndFollow(caller, input, facts);
    stream.about(following.submitted.conversationId);
    await tellTurn(door, stream, { caller, following, seen });
  });
};

interface Turn {
  caller: Caller;
  following: Following & { submitted: SubmitResult };
  seen?: Cursor | undefined;
}

/** Tells what becomes of a message, and of the queue behind it. */
export async function tellTurn(door: Door, stream: SseStream, { caller, following, seen }: Turn): Promise<void> {
  const { submitted } = following;
  const waits = await waitsBehindCard(door.gateway, caller, following);
  await followStream(stream, {
    following,
    ...lookups(door, caller, submitted.conversationId),
    endsAfter: waits ? endsWithQueued(submitted) : afterMessage(submitted),
    // A cursor of another conversation says nothing here; only a repeated call can have given out this one's.
    seen: submitted.replayed ? seen : undefined,
  });
}

const REFUSALS: Partial<Record<MessageMode, (state: RunState) => GatewayError | null>> = {
  reject: ({ state, queueDepth }) => (state === "idle" && queueDepth === 0 ? null : new GatewayError("turn_in_progress")),
  steer: ({ state }) => (state === "idle" ? new GatewayError("nothing_to_steer") : null),
};

/** So that a plain 409 says it where it is known already; admission decides in any case. A repeated call has its first answer. */
async function refuseEarly({ gateway }: Door, caller: Caller, { mode, conversationId, idempotencyKey }: SubmitInput): Promise<void> {
  const refusalOf = REFUSALS[mode];
  if (refusalOf === undefined || conversationId === undefined || idempotencyKey !== undefined) return;
  const state = await gateway.getRunState(caller, conversationId).catch((error: unknown) => {
    // Not there yet: the invoke makes it. Not the caller's: admission says so.
    if (error instanceof GatewayError && error.code === "not_found") return null;
    throw error;
  });
  const refusal = state && refusalOf(state);
  if (refusal) throw refusal;
}

const needsId = (): GatewayError =>
  new GatewayError("invalid_input", {
    issues: [
      {
        path: ["body", "id"],
        code: "missing",
        message: "Last-Event-ID needs the conversation's id, or the idempotency key of the first call",
      },
    ],
  });

/** Runs what waits in the queue and tells it; where a turn runs already it only attaches, where nothing waits it ends. */
export const drainStream: Handler = async (door, call) => {
  const { conversationId, caller } = onConversation(call);
  parse(resumeQuery, call.request.query, "query");
  const once = onceOf(call);
  const after = resumeCursor(call.request);
  if (after !== undefined) return comeBack(door, call, { caller, conversationId, after });
  await door.gateway.getExecution(caller, conversationId);
  const stream = streamOf(door, call, conversationId);
  await runStream(door, stream, () => tellDrain(door, stream, { caller, conversationId, once }));
};

interface Drain {
  caller: Caller;
  conversationId: string;
  once: Once | undefined;
}

async function tellDrain(door: Door, stream: SseStream, { caller, conversationId, once }: Drain): Promise<void> {
  const { action, cursor } = await door.gateway.drainConversation(caller, conversationId, once);
  if (action === "empty" || action === "paused") return;
  const following = await door.gateway.followConversation(caller, { conversationId, after: cursor as Cursor, signal: stream.signal });
  await followStream(stream, {
    following,
    ...lookups(door, caller, conversationId),
    endsAfter: afterDrain(conversationId, { running: action === "running" }),
  });
}

/** Attaches without starting anything: the log after a cursor, or all of it, and then what happens. */
export const followEvents: Handler = async (door, call) => {
  const { conversationId, caller } = onConversation(call);
  await attach(door, call, { caller, conversationId, after: resumeCursor(call.request), endsAfter: never });
};
