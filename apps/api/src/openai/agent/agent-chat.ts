import { GatewayError, isGatewayError, isObject, type LogEvent, type Usage } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { CLIENT_LEFT } from "../../client-left.ts";
import { isKeepable, UNKEEPABLE } from "../../keepable-text.ts";
import { onGone } from "../../on-gone.ts";
import { sendJson } from "../../send-json.ts";
import { toGatewayError } from "../../to-gateway-error.ts";
import { type Accepted, type Begun, beginTurn } from "../../turn/begin-turn.ts";
import { type TurnEnd, TurnText } from "../../turn/turn-text.ts";
import { type Call, type Door, leavingOf, nameConversation, type Origin, requestIdOf } from "../call.ts";
import type { ChatBody } from "../chat-body.ts";
import { EventStream } from "../event-stream.ts";
import { sendOpenaiError } from "../send-error.ts";
import { readAgentInput } from "./agent-input.ts";
import { type ChatHead, chatChunks, wholeChat } from "./chat-chunks.ts";

/** The agent that a model's name means, and the caller narrowed to it. An agent that the caller may not use is no model. */
export async function callerOn({ gateway }: Door, { caller }: Origin, agentId: string): Promise<Caller> {
  try {
    await gateway.getAgent(caller, agentId);
  } catch (error) {
    if (!isGatewayError(error, "not_found")) throw error;
    throw new GatewayError("model_not_found", {
      issues: [{ path: ["model"], code: "model_not_found", message: "There is no such model." }],
    });
  }
  return { ...caller, agentIds: new Set([agentId]) };
}

const headOf = ({ turnId }: Accepted, model: string, { at }: LogEvent): ChatHead => ({
  id: `chatcmpl-${turnId}`,
  created: Math.floor(Date.parse(at) / 1_000),
  model,
});

/** A turn that waits for the user has used something, too, which stands on its row. */
const usageOf = async ({ gateway }: Door, caller: Caller, { end, accepted }: { end: TurnEnd; accepted: Accepted }): Promise<Usage> =>
  end.usage ?? (await gateway.getExecution(caller, accepted.conversationId)).usage;

interface AgentCall {
  agentId: string;
  body: ChatBody;
}

async function begin(
  door: Door,
  call: Call,
  { agentId, body, signal }: AgentCall & { signal: AbortSignal },
): Promise<Begun & { caller: Caller }> {
  const caller = await callerOn(door, call, agentId);
  if (!isKeepable(body)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
  const { historyCharsMax } = door.limits;
  const input = readAgentInput(call, body, { caller: call.caller, agentId, historyCharsMax });
  const begun = await beginTurn(door, call, { caller, input, body: { body, conversation: input.submit.conversationId }, signal });
  nameConversation(call, begun.accepted.conversationId);
  return { ...begun, caller };
}

/** A turn of an agent's conversation, as a streamed answer. Its caller's leaving ends the stream and not the turn. */
export async function streamAgentChat(door: Door, call: Call, { agentId, body }: AgentCall): Promise<void> {
  const { response, credential } = call;
  onGone(response, door.openStream(call.caller));
  const leaving = leavingOf(call);
  const stop = (reason: GatewayError): void => leaving.abort(reason);
  const stream = new EventStream({ response, credential, attachments: door.attachments, endsWithProcess: true, stop });
  let place: Record<string, unknown> = {};
  try {
    const { accepted, following, caller } = await begin(door, call, { agentId, body, signal: leaving.signal });
    const text = new TurnText(accepted);
    const showsUsage = isObject(body.stream_options) && body.stream_options.include_usage === true;
    let chunks: ReturnType<typeof chatChunks> | null = null;
    for await (const event of following.events) {
      place = { conversation_id: accepted.conversationId, cursor: event.cursor };
      if (chunks === null) {
        chunks = chatChunks(headOf(accepted, body.model, event), showsUsage);
        stream.write(chunks.role());
      }
      for (const piece of text.take(event)) {
        if ("add" in piece) stream.write(chunks.text(piece.add));
        else if (piece.retract > 0) throw new GatewayError("attempt_superseded");
      }
      if (text.end !== null) {
        stream.write(chunks.finish(text.end.finish, await usageOf(door, caller, { end: text.end, accepted })));
        return stream.done();
      }
      if (stream.isFull) await stream.drained();
      if (stream.isOver) return;
    }
    if (!stream.isOver) throw new GatewayError("stream_ended");
  } catch (error) {
    if (!stream.isOver) stream.fail(toGatewayError(error, door.log.child({ requestId: requestIdOf(call) })), place);
  }
}

/** The same, as one answer, waited for at most the door's bound. */
export async function answerAgentChat(door: Door, call: Call, { agentId, body }: AgentCall): Promise<void> {
  const leaving = leavingOf(call);
  const bound = setTimeout(() => leaving.abort(CLIENT_LEFT), door.limits.syncWaitMs);
  try {
    const { accepted, following, caller } = await begin(door, call, { agentId, body, signal: leaving.signal });
    const text = new TurnText(accepted);
    let content = "";
    let head: ChatHead | null = null;
    for await (const event of following.events) {
      head ??= headOf(accepted, body.model, event);
      for (const piece of text.take(event))
        content = "add" in piece ? content + piece.add : content.slice(0, content.length - piece.retract);
      if (text.end === null) continue;
      const usage = await usageOf(door, caller, { end: text.end, accepted });
      return sendJson(call.response, 200, wholeChat(head, { content, finish: text.end.finish, usage }));
    }
    if (!call.response.destroyed)
      sendOpenaiError(call.response, new GatewayError("turn_pending"), { conversation_id: accepted.conversationId });
  } finally {
    clearTimeout(bound);
  }
}
