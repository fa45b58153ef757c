import { isObject } from "@parley/contracts";
import { conversationIdOf, type Item, readInput, readMetadata, type StoredConversation, wrongParameter } from "@parley/domain";
import { sendJson } from "../../send-json.ts";
import { type Call, type Json, leavingOf } from "../call.ts";
import { answerOnce } from "../kept-answer.ts";
import { sendKept } from "./create.ts";
import { named, type ResponsesDoor, type ResponsesHandler } from "./responses-door.ts";
import { noSuchItem, pageOf } from "./stored.ts";

const rowOf = ({ id, metadata, createdAt }: StoredConversation) => ({
  id: conversationIdOf(id),
  object: "conversation",
  created_at: Math.floor(createdAt),
  metadata,
});

/** Items as they are shown: all of them are whole. */
const shown = (item: Item): Item => ({ ...item, status: item.status ?? "completed" });

async function bodyOf(door: ResponsesDoor, call: Call): Promise<Json> {
  const body = (await door.readJsonBody(call.request, call.response)) ?? {};
  if (!isObject(body)) throw wrongParameter([], "The body must be a JSON object.", "invalid_type");
  return body;
}

/** Answers once for each key. */
const once = (door: ResponsesDoor, call: Call, input: unknown, act: () => Promise<unknown>): Promise<void> =>
  answerOnce(door, call, { input, signal: leavingOf(call).signal }, async (copy) => sendKept(call, await act(), copy));

export const makeConversation: ResponsesHandler = async (door, call) => {
  const body = await bodyOf(door, call);
  const made = { items: readInput({ input: body.items }), metadata: readMetadata(body) };
  await once(door, call, body, async () => rowOf(await door.responses.makeConversation(call.caller, made)));
};

export const getConversation: ResponsesHandler = async (door, call) => {
  sendJson(call.response, 200, rowOf(await door.responses.getConversation(call.caller, named(call, "itemsId"))));
};

export const updateConversation: ResponsesHandler = async (door, call) => {
  const body = await bodyOf(door, call);
  const id = named(call, "itemsId");
  // Without it nothing would change but that what stands there is gone.
  if (body.metadata === undefined)
    throw wrongParameter("metadata", "Missing required parameter: 'metadata'.", "missing_required_parameter");
  const metadata = readMetadata(body);
  await once(door, call, { id, body }, async () => rowOf(await door.responses.setConversationMetadata(call.caller, id, metadata)));
};

export const deleteConversation: ResponsesHandler = async (door, call) => {
  const id = named(call, "itemsId");
  await once(door, call, { id }, async () => {
    await door.responses.deleteConversation(call.caller, id);
    return { id, object: "conversation.deleted", deleted: true };
  });
};

export const addItems: ResponsesHandler = async (door, call) => {
  const body = await bodyOf(door, call);
  const id = named(call, "itemsId");
  if (!Array.isArray(body.items)) throw wrongParameter("items", "Missing required parameter: 'items'.", "missing_required_parameter");
  const items = readInput({ input: body.items });
  await once(door, call, { id, body }, async () => {
    const data = (await door.responses.addItems(call.caller, id, items)).map(shown);
    return { object: "list", data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: false };
  });
};

export const listItems: ResponsesHandler = async (door, call) => {
  const items = await door.responses.listItems(call.caller, named(call, "itemsId"));
  sendJson(call.response, 200, pageOf(call, items.map(shown)));
};

export const getItem: ResponsesHandler = async (door, call) => {
  const id = named(call, "itemId");
  const item = (await door.responses.listItems(call.caller, named(call, "itemsId"))).find((one) => one.id === id);
  if (item === undefined) throw noSuchItem(id);
  sendJson(call.response, 200, shown(item));
};

export const deleteItem: ResponsesHandler = async (door, call) => {
  const id = named(call, "itemsId");
  const itemId = named(call, "itemId");
  await once(door, call, { id, itemId }, async () => rowOf(await door.responses.deleteItem(call.caller, id, itemId)));
};
