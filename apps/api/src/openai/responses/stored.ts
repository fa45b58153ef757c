import { GatewayError } from "@parley/contracts";
import { type Item, type ResponseSnapshot, type StoredResponse, wrongParameter } from "@parley/domain";
import { sendJson } from "../../send-json.ts";
import { toGatewayError } from "../../to-gateway-error.ts";
import { type Call, leavingOf, requestIdOf } from "../call.ts";
import { answerOnce } from "../kept-answer.ts";
import { cancelAgentResponse, settledResponse, tellAgentResponse } from "./agent/stored-agent-response.ts";
import { sendKept } from "./create.ts";
import { named, type ResponsesDoor, type ResponsesHandler } from "./responses-door.ts";
import { failureEvents, openEvents, tell, toEvents } from "./tell-events.ts";

const LIMIT = { standard: 20, max: 100 };

function numberIn({ request }: Call, name: string, { min, max }: { min: number; max: number }): number | null {
  const value = request.query[name];
  if (value === undefined) return null;
  const number = Number(value);
  if (typeof value !== "string" || !/^-?\d{1,9}$/.test(value) || number < min || number > max)
    throw wrongParameter(name, `'${name}' must be a whole number from ${min} to ${max}.`);
  return number;
}

/** A part of a list, in the order and behind the item that the query names. */
export function pageOf(call: Call, items: readonly Item[]) {
  const { order = "desc", after } = call.request.query;
  if (order !== "asc" && order !== "desc") throw wrongParameter("order", "'order' must be asc or desc.");
  const limit = numberIn(call, "limit", { min: 1, max: LIMIT.max }) ?? LIMIT.standard;
  const ordered = order === "asc" ? items : items.toReversed();
  const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) throw wrongParameter("after", `There is no item with id '${String(after)}'.`);
  const data = ordered.slice(start, start + limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + limit < ordered.length,
  };
}

async function streamStored(door: ResponsesDoor, call: Call, stored: StoredResponse): Promise<void> {
  const id = named(call, "responseId");
  let told = (numberIn(call, "starting_after", { min: 0, max: 1e9 }) ?? -1) + 1;
  if (stored.turn !== null) return tellAgentResponse(door, call, { stored, from: told });
  const { stream, leaving } = openEvents(door, call, { endsWithProcess: true });
  try {
    for await (const texts of door.responses.follow(call.caller, id, { after: told - 1, signal: leaving })) {
      await tell(stream, toEvents(texts));
      told += texts.length;
    }
    if (!leaving.aborted) stream.done();
  } catch (error) {
    if (stream.isOver) return;
    const refusal = toGatewayError(error, door.log.child({ requestId: requestIdOf(call) }));
    if (refusal.code === "not_found") return stream.fail(refusal);
    await tell(stream, failureEvents(stored.snapshot as ResponseSnapshot, told, refusal));
    stream.done();
  }
}

export const getResponse: ResponsesHandler = async (door, call) => {
  const stored = await door.responses.get(call.caller, named(call, "responseId"));
  if (call.request.query.stream === "true") return streamStored(door, call, stored);
  sendJson(call.response, 200, await settledResponse(door, call, stored));
};

export const listInputItems: ResponsesHandler = async (door, call) => {
  const items = await door.responses.inputItems(call.caller, named(call, "responseId"));
  sendJson(call.response, 200, pageOf(call, items));
};

export const cancelResponse: ResponsesHandler = async (door, call) => {
  const id = named(call, "responseId");
  await answerOnce(door, call, { input: { id }, signal: leavingOf(call).signal }, async (copy) => {
    const stored = await door.responses.get(call.caller, id);
    const ended = stored.turn === null ? null : await cancelAgentResponse(door, call, stored);
    await sendKept(call, ended ?? (await door.responses.cancel(call.caller, id)), copy);
  });
};

export const deleteResponse: ResponsesHandler = async (door, call) => {
  const id = named(call, "responseId");
  await answerOnce(door, call, { input: { id }, signal: leavingOf(call).signal }, async (copy) => {
    const stored = await door.responses.get(call.caller, id);
    if (stored.turn !== null && stored.background) await cancelAgentResponse(door, call, stored);
    await door.responses.delete(call.caller, id);
    await sendKept(call, { id, object: "response.deleted", deleted: true }, copy);
  });
};

export const noSuchItem = (id: string): GatewayError => new GatewayError("not_found", { text: `Item with id '${id}' not found.` });
