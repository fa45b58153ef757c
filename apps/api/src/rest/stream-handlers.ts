import { type Cursor, GatewayError, type SubmitInput } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { endsWithQueued, waitsBehindCard } from "@parley/router";
import { type Call, type Door, type Handler, onConversation, resumeCursor } from "./call.ts";
import { followStream } from "./follow-stream.ts";
import { readInvoke } from "./invoke-input.ts";
import { onGone } from "./on-gone.ts";
import { parse } from "./parse.ts";
import { toGatewayError } from "./send-error.ts";
import { SseStream } from "./sse-stream.ts";
import { afterDrain, afterMessage, afterReturn, type EndsAfter, never } from "./stream-ends.ts";
import { runQuery } from "./wire-input.ts";

/** A stream that counts among its caller's until the response is over. Throws `too_many_streams`. */
function streamOf(door: Door, { response, credential, caller }: Call, conversationId: string | undefined): SseStream {
  onGone(response, door.openStream(caller));
  return new SseStream({ response, credential, organizationId: caller.organizationId, conversationId });
}

const childFinder = (door: Door, caller: Caller) => (childId: string) => door.gateway.getExecution(caller, childId);

/** Sends `connected`, then runs `tell`; what goes wrong from here on is the stream's typed last event. */
async function run(door: Door, stream: SseStream, tell: () => Promise<void>): Promise<void> {
  stream.connect(door.attachments);
  try {
    await tell();
    stream.end();
  } catch (error) {
    if (!stream.isOver) stream.refuse(toGatewayError(error, door.log));
  }
}

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
  if (input.mode === "reject" && conversationId !== undefined) await refuseWhileBusy(door, caller, conversationId);
  const stream = streamOf(door, call, conversationId);
  await run(door, stream, () => tellTurn(door, stream, { caller, input, seen }));
};

interface Turn {
  caller: Caller;
  input: SubmitInput;
  seen: Cursor | undefined;
}

async function tellTurn(door: Door, stream: SseStream, { caller, input, seen }: Turn): Promise<void> {
  const facts = { route: "turn.stream", invoke: true, signal: stream.signal };
  const { submitted, ...following } = await door.gateway.submitAndFollow(caller, input, facts);
  stream.about(submitted.conversationId);
  const waits = await waitsBehindCard(door.gateway, caller, { execution: following.execution, submitted });
  // A cursor of another conversation says nothing here; only a repeated call can have given out this one's.
  await followStream(stream, {
    following,
    findChild: childFinder(door, caller),
    endsAfter: waits ? endsWithQueued(submitted) : afterMessage(submitted),
    seen: submitted.replayed ? seen : undefined,
  });
}

/** So that a plain 409 says it where it is known already; admission decides in any case. */
async function refuseWhileBusy(door: Door, caller: Caller, conversationId: string): Promise<void> {
  const state = await door.gateway.getRunState(caller, conversationId).catch((error: unknown) => {
    // Not there yet: the invoke makes it. Not the caller's: admission says so.
    if (error instanceof GatewayError && error.code === "not_found") return null;
    throw error;
  });
  if (state && (state.state !== "idle" || state.queueDepth > 0)) throw new GatewayError("turn_in_progress");
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
  parse(runQuery, call.request.query, "query");
  const after = resumeCursor(call.request);
  if (after !== undefined) return comeBack(door, call, { caller, conversationId, after });
  await door.gateway.getExecution(caller, conversationId);
  const stream = streamOf(door, call, conversationId);
  await run(door, stream, () => tellDrain(door, stream, { caller, conversationId }));
};

async function tellDrain(
  door: Door,
  stream: SseStream,
  { caller, conversationId }: { caller: Caller; conversationId: string },
): Promise<void> {
  const { action, cursor } = await door.gateway.drainConversation(caller, conversationId);
  if (action === "empty" || action === "paused") return;
  const following = await door.gateway.followConversation(caller, { conversationId, after: cursor as Cursor, signal: stream.signal });
  await followStream(stream, {
    following,
    findChild: childFinder(door, caller),
    endsAfter: afterDrain(conversationId, { running: action === "running" }),
  });
}

/** Attaches without starting anything: the log after a cursor, or all of it, and then what happens. */
export const followEvents: Handler = async (door, call) => {
  const { conversationId, caller } = onConversation(call);
  await attach(door, call, { caller, conversationId, after: resumeCursor(call.request), endsAfter: never });
};

interface Return {
  caller: Caller;
  conversationId: string;
  after: Cursor;
}

/** A streaming POST whose client was cut: what it missed, and the rest of what it started. */
async function comeBack(door: Door, call: Call, { caller, conversationId, after }: Return): Promise<void> {
  const state = await door.gateway.getRunState(caller, conversationId);
  await attach(door, call, { caller, conversationId, after, endsAfter: afterReturn(state, after) });
}

interface Attach extends Omit<Return, "after"> {
  after: Cursor | undefined;
  /** Null: there is nothing to tell. */
  endsAfter: EndsAfter | null;
}

/** Nothing is started here, so the head waits until the cursor is known to be good: a wrong one is a plain 400. */
async function attach(door: Door, call: Call, { caller, conversationId, after, endsAfter }: Attach): Promise<void> {
  const stream = streamOf(door, call, conversationId);
  const following = await door.gateway.followConversation(caller, { conversationId, after, signal: stream.signal });
  await run(door, stream, async () => {
    if (endsAfter !== null) await followStream(stream, { following, findChild: childFinder(door, caller), endsAfter });
  });
}
