import { isObject } from "@parley/contracts";
import { type Json, type ResponseRequest, type RunningResponse, readResponseRequest, responseIdOf } from "@parley/domain";
import { toGatewayError } from "../../to-gateway-error.ts";
import { type Call, leavingOf, onceOf, requestIdOf } from "../call.ts";
import { type AnswerCopy, answerOnce } from "../kept-answer.ts";
import { createAgentResponse } from "./agent/create-agent-response.ts";
import type { ResponsesDoor, ResponsesHandler } from "./responses-door.ts";
import { failureEvents, openEvents, tell, toEvents } from "./tell-events.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const STREAM_TYPE = "text/event-stream; charset=utf-8";

/** Sends JSON, and keeps it for a repeated call. */
export async function sendKept({ response }: Call, body: unknown, copy: AnswerCopy | null): Promise<void> {
  const text = JSON.stringify(body);
  copy?.add(text);
  await copy?.keep(JSON_TYPE);
  response.statusCode = 200;
  response.setHeader("content-type", JSON_TYPE);
  response.end(text);
}

interface Creation {
  body: Json;
  request: ResponseRequest;
}

const isStreamed = ({ body }: Creation): boolean => body.stream === true;

async function answer(door: ResponsesDoor, call: Call, { body, request }: Creation): Promise<void> {
  const signal = leavingOf(call).signal;
  await answerOnce(door, call, { input: body, signal }, async (copy) => {
    const running = await door.responses.create(call.caller, request, { route: call.route, requestId: requestIdOf(call), signal });
    for await (const _ of running.events);
    // What was not stored cannot be asked for: its failure is the answer.
    if (running.failure() !== null && !request.store) throw running.failure();
    if (!signal.aborted) await sendKept(call, running.snapshot(), copy);
  });
}

async function stream(door: ResponsesDoor, call: Call, { body, request }: Creation): Promise<void> {
  const { stream, leaving } = openEvents(door, call, { endsWithProcess: false });
  try {
    await answerOnce(door, call, { input: body, signal: leaving }, async (copy) => {
      const running = await door.responses.create(call.caller, request, {
        ...{ route: call.route, requestId: requestIdOf(call), signal: leaving },
      });
      await tellAll(running, (events) => tell(stream, events, copy));
      if (running.failure() !== null) return stream.done();
      copy?.add("data: [DONE]\n\n");
      await copy?.keep(STREAM_TYPE);
      stream.done();
    });
  } catch (error) {
    if (stream.isOver) return;
    stream.fail(toGatewayError(error, door.log.child({ requestId: requestIdOf(call) })));
  }
}

async function tellAll(running: RunningResponse, sink: (events: Parameters<typeof tell>[1]) => Promise<void>): Promise<void> {
  for await (const events of running.events) await sink(events);
}

/** A response that goes on by itself: at once as it is, or as a stream that may be left and gone on with. */
async function background(door: ResponsesDoor, call: Call, creation: Creation): Promise<void> {
  const { body, request } = creation;
  const telling = isStreamed(creation) ? openEvents(door, call, { endsWithProcess: true }) : null;
  const signal = telling?.leaving ?? leavingOf(call).signal;
  let started = { uuid: "", told: 0 };
  try {
    await answerOnce(door, call, { input: body, signal }, async (copy) => {
      const once = onceOf(call);
      const { uuid, snapshot } = await door.responses.start(call.caller, request, {
        requestId: requestIdOf(call),
        once: once && { ...once, input: body },
      });
      started = { uuid, told: 0 };
      if (telling === null) return sendKept(call, snapshot, copy);
      for await (const texts of door.responses.follow(call.caller, responseIdOf(uuid), { after: -1, signal })) {
        await tell(telling.stream, toEvents(texts), copy);
        started.told += texts.length;
      }
      if (signal.aborted) return;
      copy?.add("data: [DONE]\n\n");
      await copy?.keep(STREAM_TYPE);
      telling.stream.done();
    });
  } catch (error) {
    if (telling === null) throw error;
    if (telling.stream.isOver) return;
    const refusal = toGatewayError(error, door.log.child({ requestId: requestIdOf(call) }));
    if (started.uuid === "") return telling.stream.fail(refusal);
    const { snapshot } = await door.responses.get(call.caller, responseIdOf(started.uuid));
    await tell(telling.stream, failureEvents({ ...snapshot, id: responseIdOf(started.uuid) }, started.told, refusal));
    telling.stream.done();
  }
}

/** A response of a model, or of an agent's turn. */
export const createResponse: ResponsesHandler = async (door, call) => {
  const body = await door.readJsonBody(call.request, call.response);
  const request = readResponseRequest(body);
  const creation = { body: isObject(body) ? body : {}, request };
  const resolved = door.gateway.resolveModel(request.model);
  if (resolved.kind === "agent")
    return createAgentResponse(door, call, { ...creation, agentId: resolved.agentId, isStreamed: isStreamed(creation) });
  if (request.background) return background(door, call, creation);
  return isStreamed(creation) ? stream(door, call, creation) : answer(door, call, creation);
};
