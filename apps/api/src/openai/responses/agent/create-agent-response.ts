import { createHash } from "node:crypto";
import { GatewayError, uuidOfHash } from "@parley/contracts";
import {
  type Remembered,
  type ResponseEvent,
  type ResponseRequest,
  type ResponseSnapshot,
  responseHead,
  responseIdOf,
} from "@parley/domain";
import { CLIENT_LEFT } from "../../../client-left.ts";
import { isKeepable, UNKEEPABLE } from "../../../keepable-text.ts";
import { onGone } from "../../../on-gone.ts";
import { sendJson } from "../../../send-json.ts";
import { tellRefusedBy } from "../../../tell-refused-by.ts";
import { toGatewayError } from "../../../to-gateway-error.ts";
import { type Accepted, beginTurn } from "../../../turn/begin-turn.ts";
import { callerOn } from "../../agent/agent-chat.ts";
import { readAgentInput } from "../../agent/agent-input.ts";
import { type Call, type Json, nameConversation, type Origin, requestIdOf } from "../../call.ts";
import type { ResponsesDoor } from "../responses-door.ts";
import { openEvents, tell } from "../tell-events.ts";
import { type TurnResponse, tellTurn } from "./tell-turn.ts";

interface AgentCreation {
  agentId: string;
  body: Json;
  request: ResponseRequest;
  /** What the connection knows by itself. */
  remembered?: Remembered | null;
}

/** The same response for the same message, so that a repeated call finds the one that the first has made. */
const responseUuid = ({ turnId, cursor }: Accepted): string => uuidOfHash(createHash("sha256").update(`${turnId} ${cursor}`).digest("hex"));

/** Hands the request to the agent as a message. When this resolves it is committed, and its response has a row where it is to be stored. */
async function begin(door: ResponsesDoor, call: Origin, { agentId, body, request, remembered = null }: AgentCreation, signal: AbortSignal) {
  const caller = await callerOn(door, call, agentId);
  if (!isKeepable(body)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
  const prepared = await door.responses.prepareTurn(call.caller, request, { agentId, remembered });
  const { messages, conversationId, inputs, before } = prepared;
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
  const uuid = responseUuid(begun.accepted);
  const id = responseIdOf(uuid);
  const createdAt = Math.floor(Date.now() / 1_000);
  const head = responseHead(request, { id, model: request.model, createdAt, conversation: before.conversationId });
  head.status = request.background ? "queued" : "in_progress";
  const turn = { agentId, ...begun.accepted };
  const response: TurnResponse = { uuid, head, turn, isStored: request.store };
  if (request.store) await door.responses.saveTurn(call.caller, { uuid, head, turn, inputs, before, background: request.background });
  return { caller, response, events: begun.following.events, said: [...before.items, ...inputs] };
}

/** The log is followed to the turn's end whoever listens, until this process stops: what was told is kept as it was told. */
async function following<Result>(door: ResponsesDoor, work: (over: AbortController) => Promise<Result>): Promise<Result> {
  const over = new AbortController();
  const stop = (): void => over.abort(CLIENT_LEFT);
  door.closing.addEventListener("abort", stop, { once: true });
  try {
    return await work(over);
  } finally {
    door.closing.removeEventListener("abort", stop);
  }
}

/** A turn of an agent, as a response. Its caller's leaving ends what is told, and not the turn. */
export function createAgentResponse(door: ResponsesDoor, call: Call, creation: AgentCreation & { isStreamed: boolean }): Promise<void> {
  return following(door, (over) => (creation.isStreamed ? stream(door, call, creation, over) : answer(door, call, creation, over)));
}

interface Listener {
  sink(events: ResponseEvent[]): Promise<void>;
  /** Aborts when nobody listens any more. What is stored is followed to its end all the same. */
  gone: AbortSignal;
}

/** The same for a socket: tells the events, and returns what the socket is to remember; null where the response has failed. */
export function tellAgentResponse(
  door: ResponsesDoor,
  call: Origin,
  creation: AgentCreation,
  { sink, gone }: Listener,
): Promise<Remembered | null> {
  return following(door, async (over) => {
    if (!creation.request.store) gone.addEventListener("abort", () => over.abort(CLIENT_LEFT), { once: true });
    const { caller, response, events, said } = await begin(door, call, creation, over.signal);
    const told = await tellTurn(door, caller, response, { events, sink });
    if (told === null) throw new GatewayError("stream_ended");
    if (told.snapshot.status === "failed") return null;
    return { responseId: response.head.id, items: [...said, ...told.snapshot.output], turn: response.turn };
  });
}

async function stream(door: ResponsesDoor, call: Call, creation: AgentCreation, over: AbortController): Promise<void> {
  const { stream } = openEvents(door, call, { endsWithProcess: true });
  if (!creation.request.store) onGone(call.response, () => over.abort(CLIENT_LEFT));
  try {
    const { caller, response, events } = await begin(door, call, creation, over.signal);
    nameConversation(call, response.turn.conversationId);
    const told = await tellTurn(door, caller, response, { events, sink: (some) => tell(stream, some) });
    if (told === null) throw new GatewayError("stream_ended");
    stream.done();
  } catch (error) {
    if (!stream.isOver) stream.fail(toGatewayError(error, door.log.child({ requestId: requestIdOf(call) })));
  }
}

async function answer(door: ResponsesDoor, call: Call, creation: AgentCreation, over: AbortController): Promise<void> {
  const { caller, response, events } = await begin(door, call, creation, over.signal);
  nameConversation(call, response.turn.conversationId);
  const telling = tellTurn(door, caller, response, { events, sink: () => {} });
  telling.catch((error: unknown) => door.log.warn({ err: error }, "a response was not told to its end"));
  if (!creation.request.store) onGone(call.response, () => over.abort(CLIENT_LEFT));
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
  tellRefusedBy(call.response, told);
  send(told.snapshot);
}
