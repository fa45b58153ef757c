import { isObject, PEER_STATES } from "@parley/contracts";
import { type JsonObject, listOf, textOf } from "../json-shape.ts";

/** Under which a state that the protocol has no word for travels past the SDK's own parser. */
export const STATE_MARK = "parley.state";

/** What the protocol of that version has a word for. */
const SPOKEN = new Set(["submitted", "working", "completed", "failed", "canceled", "rejected", "input-required", "auth-required"]);
const KNOWN: ReadonlySet<string> = new Set(PEER_STATES);

/** A state however it is written: `TASK_STATE_INPUT_REQUIRED`, `input_required`, `Cancelled`. What nobody knows is work under way. */
function plainState(raw: unknown): string {
  const state = String(raw)
    .toLowerCase()
    .replace(/^task_state_/, "")
    .replaceAll("_", "-")
    .replace(/^cancelled$/, "canceled");
  return KNOWN.has(state) && state !== "unknown" ? state : "working";
}

/**
 * What a peer of version 0.3 answers, in the shape that its protocol asks for: peers write snake_case, leave out `kind` or lists, have states of their
 * own, leave messages without an id, or put a text where a message belongs. History is left out, as nothing here reads it.
 */
export function tolerantResult(raw: unknown): unknown {
  const value = camelised(raw);
  if (!isObject(value)) return value;
  if (isObject(value.status) && (textOf(value.id) ?? textOf(value.taskId)) !== undefined && !isUpdate(value)) return task(value);
  if (Array.isArray(value.parts)) return message(value);
  if (isObject(value.artifact)) return { ...value, ...ids(value), kind: "artifact-update", artifact: artifact(value.artifact) };
  if (isObject(value.status)) return { ...value, ...ids(value), kind: "status-update", ...stated(value) };
  return value;
}

const isUpdate = (value: JsonObject): boolean =>
  value.kind === "status-update" || (value.id === undefined && value.artifacts === undefined);

const ids = (value: JsonObject) => ({ taskId: textOf(value.taskId) ?? textOf(value.id) ?? "", contextId: textOf(value.contextId) ?? "" });

function task(value: JsonObject) {
  const { taskId: id, contextId } = { ...ids(value), ...(textOf(value.id) === undefined ? {} : { taskId: textOf(value.id) }) };
  return {
    id,
    contextId,
    kind: "task",
    ...stated(value),
    artifacts: listOf(value.artifacts).flatMap((one) => (isObject(one) ? [artifact(one)] : [])),
  };
}

function stated(value: JsonObject) {
  const status = isObject(value.status) ? value.status : {};
  const state = plainState(status.state);
  const metadata = isObject(value.metadata) ? value.metadata : {};
  return {
    status: {
      state: SPOKEN.has(state) ? state : "unknown",
      ...(status.message === undefined || status.message === null ? {} : { message: message(status.message) }),
    },
    metadata: SPOKEN.has(state) ? metadata : { ...metadata, [STATE_MARK]: state },
  };
}

function message(raw: unknown) {
  const value = isObject(raw) ? raw : { parts: [{ text: String(raw) }] };
  return {
    kind: "message",
    // The SDK takes no message without one; nobody here looks at which it is.
    messageId: textOf(value.messageId) || "unnamed",
    role: value.role === "user" ? "user" : "agent",
    parts: parts(value.parts),
    ...(textOf(value.taskId) === undefined ? {} : { taskId: value.taskId }),
    ...(textOf(value.contextId) === undefined ? {} : { contextId: value.contextId }),
  };
}

function artifact(value: JsonObject) {
  return {
    artifactId: textOf(value.artifactId) ?? "",
    ...(textOf(value.name) === undefined ? {} : { name: value.name }),
    parts: parts(value.parts),
  };
}

function parts(raw: unknown): JsonObject[] {
  return listOf(raw).flatMap((value): JsonObject[] => {
    if (typeof value === "string") return [{ kind: "text", text: value }];
    if (!isObject(value)) return [];
    const metadata = isObject(value.metadata) ? { metadata: value.metadata } : {};
    const file = isObject(value.file) ? value.file : null;
    const place = textOf(file?.uri) ?? textOf(file?.url);
    const name = textOf(file?.name) ?? textOf(file?.filename);
    const mimeType = textOf(file?.mimeType) ?? textOf(file?.mediaType);
    const named = { ...(name === undefined ? {} : { name }), ...(mimeType === undefined ? {} : { mimeType }) };
    if (textOf(file?.bytes) !== undefined) return [{ kind: "file", file: { ...named, bytes: file?.bytes }, ...metadata }];
    if (place !== undefined) return [{ kind: "file", file: { ...named, uri: place }, ...metadata }];
    if (value.data !== undefined && value.data !== null)
      return [{ kind: "data", data: isObject(value.data) ? value.data : { value: value.data }, ...metadata }];
    const text = textOf(value.text);
    return text === undefined ? [] : [{ kind: "text", text, ...metadata }];
  });
}

/** Names of members in camelCase; what stands below `data` and `metadata` is the peer's own. */
function camelised(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelised);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const camel = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      return [camel, camel === "data" || camel === "metadata" ? inner : camelised(inner)];
    }),
  );
}
