import { createHash } from "node:crypto";
import { GatewayError } from "@parley/contracts";
import { type ResponseRequest, type ResponseSnapshot, responseHead, responseIdOf } from "@parley/domain";
import { CLIENT_LEFT } from "../../../client-left.ts";
import { isKeepable, UNKEEPABLE } from "../../../keepable-text.ts";
import { onGone } from "../../../on-gone.ts";
import { sendJson } from "../../../send-json.ts";
import { toGatewayError } from "../../../to-gateway-error.ts";
import { type Accepted, beginTurn } from "../../../turn/begin-turn.ts";
import { callerOn } from "../../agent/agent-chat.ts";
import { readAgentInput } from "../../agent/agent-input.ts";
import { type Call, type Json, requestIdOf } from "../../call.ts";
import type { ResponsesDoor } from "../responses-door.ts";
import { openEvents, tell } from "../tell-events.ts";
import { type TurnResponse, tellTurn } from "./tell-turn.ts";

interface AgentCreation {
  agentId: string;
  body: Json;
  request: ResponseRequest;
  isStreamed: boolean;
}

/** The same response for the same message, so that a repeated call finds the one that the first has made. */
function responseUuid({ turnId, cursor }: Accepted): string {
  const hash = createHash("sha256").update(`${turnId} ${cursor}`).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

/** Hands the request to the agent as a message. When this resolves it is committed, and its response has a row. */
async function begin(door: ResponsesDoor, call: Call, { agentId, body, request }: AgentCreation, signal: AbortSignal) {
  const caller = await callerOn(door, call, agentId);
  if (!isKeepable(body)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
  const { messages, conversationId, inputs, before } = await door.responses.prepareTurn(call.caller, request, agentId);
  const { format } = request.text;
  const chat = {
    ...{ model: request.model, stream: false, messages, tools: request.tools, tool_choice: request.toolChoice },
    ...{ reasoning_effort: request.reasoning?.effort, user: request.user ?? undefined },
    conversation: conversationId ?? undefined,
    ...(format.type === "json_object" && { response_format: format }),
    ...(format.type === "json_schema" && { response_format: { type: "json_schema", json_schema: format } }),
  };
  const input = readAgentInput(call, chat, { caller: call.caller, agentId, historyCharsMax: door.limits.historyCharsMax });
  const begun = await beginTurn(door, call, { caller, input, body: { body }, signal });
  call.response.setHeader("x-conversation-id", begun.accepted.conversationId);
  const uuid = responseUuid(begun.accepted);
  const id = responseIdOf(uuid);
  const createdAt = Math.floor(Date.now() / 1_000);
  const head = responseHead(request, { id, model: request.model, createdAt, conversation: before.conversationId });
  head.status = request.background ? "queued" : "in_progress";
  const turn = { agentId, ...begun.accepted };
  const response: TurnResponse = { uuid, head, turn, isStored: request.store };
  if (request.store) await door.responses.saveTurn(call.caller, { uuid, head, turn, inputs, before, background: request.background });
  return { caller, response, events: begun.following.events };
}

/** A turn of an agent, as a response. Its caller's leaving ends what is told, and not the turn. */
export async function createAgentResponse(door: ResponsesDoor, call: Call, creation: AgentCreation): Promise<void> {
  // The log is followed to the turn's end whoever listens: what was told is kept as it was told.
  const following = new AbortController();
  const stop = (): void => following.abort(CLIENT_LEFT);
  door.closing.addEventListener("abort", stop, { once: true });
  try {
    if (creation.isStreamed) await stream(door, call, creation, following);
    else await answer(door, call, creation, following);
  } finally {
    door.closing.removeEventListener("abort", stop);
  }
}

async function stream(door: ResponsesDoor, call: Call, creation: AgentCreation, following: AbortController): Promise<void> {
  const { stream } = openEvents(door, call, { endsWithProcess: true });
  if (!creation.request.store) onGone(call.response, () => following.abort(CLIENT_LEFT));
  try {
    const { caller, response, events } = await begin(door, call, creation, following.signal);
    const told = await tellTurn(door, caller, response, { events, sink: (some) => tell(stream, some) });
    if (told === null) throw new GatewayError("stream_ended");
    stream.done();
  } catch (error) {
    if (!stream.isOver) stream.fail(toGatewayError(error, door.log.child({ requestId: requestIdOf(call) })));
  }
}

async function answer(door: ResponsesDoor, call: Call, creation: AgentCreation, following: AbortController): Promise<void> {
  const { caller, response, events } = await begin(door, call, creation, following.signal);
  const telling = tellTurn(door, caller, response, { events, sink: () => {} });
  telling.catch((error: unknown) => door.log.warn({ err: error }, "a response was not told to its end"));
  if (!creation.request.store) onGone(call.response, () => following.abort(CLIENT_LEFT));
  const send = (snapshot: ResponseSnapshot): void => {
    if (!call.response.destroyed && !call.response.headersSent) sendJson(call.response, 200, snapshot);
  };
  if (creation.request.background) return send(response.head);
  const late = new AbortController();
  const bound = setTimeout(() => late.abort(), door.limits.syncWaitMs);
  const waited = new Promise<null>((resolve) => late.signal.addEventListener("abort", () => resolve(null), { once: true }));
  onGone(call.response, () => late.abort());
  const told = await Promise.race([telling, waited]).finally(() => clearTimeout(bound));
  if (call.response.destroyed) return;
  if (told === null && !creation.request.store) throw new GatewayError("turn_pending");
  // One that takes longer, or begins anew, can be asked for by its id.
  if (told === null || (told.broken !== null && creation.request.store)) return send(response.head);
  if (told.broken !== null) throw told.broken;
  send(told.snapshot);
}
