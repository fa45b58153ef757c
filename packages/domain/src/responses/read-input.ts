import { isObject } from "@parley/contracts";
import { type Json, wrongParameter } from "./response.ts";

type Place = (string | number)[];

const TEXT_CHARS_MAX = 10_485_760;
const ROLES: ReadonlySet<unknown> = new Set(["user", "system", "developer", "assistant"]);

const isText = (value: unknown): value is string => typeof value === "string";

const needed = (item: Json, name: string, place: Place): string => {
  const value = item[name];
  if (isText(value)) return value;
  throw wrongParameter([...place, name], `Missing required parameter: '${name}'.`, "missing_required_parameter");
};

/** A part of what somebody else than the model says. */
function inputPart(part: unknown, place: Place): Json {
  if (!isObject(part)) throw wrongParameter(place, "A part of the content is an object.", "invalid_type");
  switch (part.type) {
    case "text":
    case "input_text":
      return { type: "input_text", text: needed(part, "text", place) };
    case "input_image": {
      if (!isText(part.image_url) && !isText(part.file_id)) throw wrongParameter(place, "A picture needs an image_url or a file_id.");
      return { ...part, detail: part.detail ?? "auto" };
    }
    case "input_file": {
      if (![part.file_data, part.file_url, part.file_id].some(isText))
        throw wrongParameter(place, "A file needs file_data, a file_url or a file_id.");
      return part;
    }
    // A message of the model may be told as one of the user.
    case "output_text":
      return { type: "input_text", text: needed(part, "text", place) };
    default:
      throw wrongParameter([...place, "type"], `Parts of type '${String(part.type)}' are not known.`);
  }
}

function outputPart(part: unknown, place: Place): Json {
  if (!isObject(part)) throw wrongParameter(place, "A part of the content is an object.", "invalid_type");
  if (part.type === "refusal") return { type: "refusal", refusal: needed(part, "refusal", place) };
  if (part.type === "output_text" || part.type === "input_text" || part.type === "text")
    return { ...part, type: "output_text", text: needed(part, "text", place), annotations: part.annotations ?? [] };
  throw wrongParameter([...place, "type"], `Parts of type '${String(part.type)}' are not known.`);
}

function messageOf(item: Json, place: Place): Json {
  const { role, content } = item;
  if (!ROLES.has(role)) throw wrongParameter([...place, "role"], "A role is user, assistant, system or developer.");
  const isModels = role === "assistant";
  if (isText(content))
    return {
      ...item,
      type: "message",
      content: [isModels ? { type: "output_text", text: content, annotations: [] } : { type: "input_text", text: content }],
    };
  if (!Array.isArray(content)) throw wrongParameter([...place, "content"], "A message has a content.", "missing_required_parameter");
  const parts = content.map((part, index) => (isModels ? outputPart : inputPart)(part, [...place, "content", index]));
  return { ...item, type: "message", content: parts };
}

function itemOf(item: unknown, index: number): Json {
  const place: Place = ["input", index];
  if (!isObject(item)) throw wrongParameter(place, "An item is an object.", "invalid_type");
  if (item.id !== undefined && item.id !== null && !isText(item.id))
    throw wrongParameter([...place, "id"], "An id is a text.", "invalid_type");
  const type = item.type ?? (item.role === undefined ? "item_reference" : "message");
  switch (type) {
    case "message":
      return messageOf(item, place);
    case "function_call":
      needed(item, "call_id", place);
      needed(item, "name", place);
      needed(item, "arguments", place);
      return item;
    case "function_call_output": {
      needed(item, "call_id", place);
      if (isText(item.output)) return item;
      if (!Array.isArray(item.output)) throw wrongParameter([...place, "output"], "An output is a text or a list of parts.");
      return { ...item, output: item.output.map((part, at) => inputPart(part, [...place, "output", at])) };
    }
    case "reasoning":
      return { ...item, summary: Array.isArray(item.summary) ? item.summary : [] };
    case "compaction":
      needed(item, "encrypted_content", place);
      return item;
    case "item_reference":
      return { type, id: needed(item, "id", place) };
    default:
      throw wrongParameter([...place, "type"], `Items of type '${String(type)}' are not served here.`, "unsupported_value");
  }
}

/** The input as a list of items, whatever form it came in. */
export function readInput({ input }: Json): Json[] {
  if (input === undefined || input === null) return [];
  if (isText(input)) {
    if (input.length > TEXT_CHARS_MAX) throw wrongParameter("input", "The input is too long.", "string_above_max_length");
    return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  }
  if (!Array.isArray(input)) throw wrongParameter("input", "The input is a text or a list of items.", "invalid_type");
  return input.map(itemOf);
}
