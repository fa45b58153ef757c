import { type Execution, NO_USAGE, type SubmitInput, type SubmitResult } from "@parley/contracts";
import type { Caller, SubmitFacts } from "@parley/domain";
import { waitsBehindCard } from "@parley/router";
import { CLIENT_LEFT } from "../client-left.ts";
import { onGone } from "../on-gone.ts";
import { sendJson } from "../send-json.ts";
import { tellRefusedBy } from "../tell-refused-by.ts";
import { type Call, type Door, type Handler, keyOf, onConversation } from "./call.ts";
import { executionRow } from "./execution-row.ts";
import { readInvoke } from "./invoke-input.ts";
import { parse } from "./parse.ts";
import { settledTurn } from "./settled-turn.ts";
import { messageBody } from "./wire-input.ts";

/** The execution as it is for a message that waits for its turn. */
function waiting(execution: Execution, { text, files, user, options }: SubmitInput, { turnId }: SubmitResult): Execution {
  const fresh = {
    status: "pending",
    result: null,
    reason: null,
    refusedBy: null,
    usage: NO_USAGE,
    startedAt: null,
    finishedAt: null,
    stoppedByUser: false,
  } as const;
  return { ...execution, ...fresh, input: { text, files }, user: user ?? execution.user, options, turnId };
}

/** Aborts when the response is over. */
function leavingOf({ response }: Call): AbortController {
  const leaving = new AbortController();
  onGone(response, () => leaving.abort(CLIENT_LEFT));
  return leaving;
}

interface Invoke {
  caller: Caller;
  input: SubmitInput;
  facts: SubmitFacts;
}

/**
 * Answers with the turn's end or pause, which it waits for at most the door's bound. A turn that takes longer is answered as
 * `pending`, and at once where it waits behind a card.
 */
export async function answerWithTurn(door: Door, call: Call, { caller, input, facts }: Invoke): Promise<void> {
  const leaving = leavingOf(call);
  const bound = setTimeout(() => leaving.abort(CLIENT_LEFT), door.limits.syncWaitMs);
  try {
    const following = await door.gateway.submitAndFollow(caller, input, { ...facts, signal: leaving.signal });
    const waits = await waitsBehindCard(door.gateway, caller, following);
    const settled = waits ? null : await settledTurn(following, following.submitted);
    if (settled) tellRefusedBy(call.response, settled);
    sendJson(call.response, 200, executionRow(settled ?? waiting(following.execution, input, following.submitted)));
  } finally {
    clearTimeout(bound);
  }
}

export const invoke: Handler = async (door, call) => {
  const { caller, input } = await readInvoke(door, call);
  await answerWithTurn(door, call, { caller, input, facts: { route: call.route, invoke: true } });
};

/** Answers as soon as the message is kept: always `pending`, whatever a worker has made of it meanwhile. */
export const invokeAsync: Handler = async (door, call) => {
  const { caller, input } = await readInvoke(door, call);
  const { submitted, execution } = await door.gateway.submitAndShow(caller, input, { route: call.route, invoke: true });
  const { conversationId, turnId } = submitted;
  const row = execution ?? (await door.gateway.awaitTurn(caller, { conversationId, turnId, waitMs: 0, signal: leavingOf(call).signal }));
  sendJson(call.response, 200, executionRow(waiting(row, input, submitted)));
};

/**
 * Hands a message to a conversation. With `auto` on an idle one nothing is kept: clients of this route run the turn
 * themselves with an invoke; `run: true` starts it here instead.
 */
export const sendMessage: Handler = async (door, call) => {
  const { agentId, conversationId, caller } = onConversation(call);
  const body = parse(messageBody, await door.readJsonBody(call.request, call.response), "body");
  const { text, files, user, mode, run, idempotency_key } = body;
  const isHeaderKey = call.request.headers["idempotency-key"] !== undefined;
  const result = await door.gateway.submitMessage(
    caller,
    {
      agentId,
      conversationId,
      text,
      files,
      user: user ?? undefined,
      mode: mode ?? "auto",
      options: {},
      idempotencyKey: keyOf(call, idempotency_key),
    },
    // A key in the body counts within its conversation, as clients of this wire use it; a header's counts for the whole route.
    { route: isHeaderKey ? call.route : `${call.route}/${conversationId}`, keepNothingWhenIdle: run !== true },
  );
  // Of a message that is not kept nothing can be named.
  const isKept = run === true || (mode ?? "auto") !== "auto" || result.action !== "started";
  sendJson(call.response, 200, {
    action: result.action,
    message_id: isKept ? result.messageId : null,
    queue_depth: result.queueDepth,
    steer_target: result.action === "steering" ? "router" : null,
    mode: result.mode,
    asked_mode: result.askedMode,
    position: result.position,
    turn_id: isKept ? result.turnId : null,
    conversation_id: result.conversationId,
  });
};
