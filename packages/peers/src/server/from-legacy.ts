import { isObject } from "@parley/contracts";
import type { A2aMethod } from "./read-params.ts";

/** What version 0.3 asks for, in the shape of version 1.0; what does not fit is passed on, to be refused by the one reader of both. */

type Json = Record<string, unknown>;
const each = (value: unknown, read: (one: Json) => unknown): unknown =>
  Array.isArray(value) ? value.map((one: unknown) => (isObject(one) ? read(one) : one)) : value;

/** The methods of version 0.3. */
export const LEGACY_METHODS: ReadonlyMap<string, A2aMethod> = new Map([
  ["message/send", "SendMessage"],
  ["message/stream", "SendStreamingMessage"],
  ["tasks/get", "GetTask"],
  ["tasks/cancel", "CancelTask"],
  ["tasks/resubscribe", "SubscribeToTask"],
  ["tasks/pushNotificationConfig/set", "CreateTaskPushNotificationConfig"],
  ["tasks/pushNotificationConfig/get", "GetTaskPushNotificationConfig"],
  ["tasks/pushNotificationConfig/list", "ListTaskPushNotificationConfigs"],
  ["tasks/pushNotificationConfig/delete", "DeleteTaskPushNotificationConfig"],
  ["agent/getAuthenticatedExtendedCard", "GetExtendedAgentCard"],
]);

const ROLES: Record<string, string> = { user: "ROLE_USER", agent: "ROLE_AGENT" };

/** A part by its kind: `{kind, text | file | data}`, or as protobuf has it. */
function partOf({ kind, file, data, ...part }: Json): Json {
  if (isObject(file)) {
    const { bytes, uri, fileWithBytes, fileWithUri, mimeType, name } = file;
    const raw = bytes ?? fileWithBytes;
    return { ...part, ...(raw === undefined ? { url: uri ?? fileWithUri } : { raw }), mediaType: mimeType, filename: name };
  }
  if (data === undefined) return part;
  // Protobuf wraps what JSON-RPC has as it is.
  return { ...part, data: kind === undefined && isObject(data) && "data" in data ? data["data"] : data };
}

function messageOf(message: Json): Json {
  const { role, parts, content, kind: _, ...rest } = message;
  return { ...rest, role: typeof role === "string" ? (ROLES[role] ?? role) : role, parts: each(parts ?? content, partOf) };
}

function pushOf({ authentication, ...push }: Json): Json {
  if (!isObject(authentication)) return push;
  const { schemes, credentials } = authentication;
  return { ...push, authentication: { scheme: Array.isArray(schemes) ? schemes[0] : schemes, credentials } };
}

function sendOf({ message, request, configuration, ...params }: Json): Json {
  const said = message ?? request;
  const given = isObject(configuration) ? configuration : {};
  const { blocking, pushNotificationConfig, pushNotification, ...rest } = given;
  const push = pushNotificationConfig ?? pushNotification;
  return {
    ...params,
    message: isObject(said) ? messageOf(said) : said,
    configuration: {
      ...rest,
      returnImmediately: blocking === undefined || blocking === null ? undefined : blocking === false,
      taskPushNotificationConfig: isObject(push) ? pushOf(push) : push,
    },
  };
}

/** Of `tasks/pushNotificationConfig/set`, and of the protobuf message that HTTP+JSON has for it. */
function setOf({ taskId, pushNotificationConfig, config }: Json): Json {
  const inner = isObject(config) ? config["pushNotificationConfig"] : pushNotificationConfig;
  return { ...(isObject(inner) ? pushOf(inner) : {}), taskId };
}

/** A task is `id` there where 1.0 has `taskId`, and a configuration of it need not be named where there is only one. */
const ofPush = ({ id, taskId, pushNotificationConfigId }: Json): Json => ({ taskId: taskId ?? id, id: pushNotificationConfigId ?? id });

/** Peers of a family call it `taskId`, or, where that is refused, `task_id`. */
const ofTask = (params: Json): Json => ({ ...params, id: params["id"] ?? params["taskId"] ?? params["task_id"] });

export function fromLegacy(method: A2aMethod, params: unknown): unknown {
  if (!isObject(params)) return params;
  switch (method) {
    case "SendMessage":
    case "SendStreamingMessage":
      return sendOf(params);
    case "CreateTaskPushNotificationConfig":
      return setOf(params);
    case "GetTaskPushNotificationConfig":
    case "DeleteTaskPushNotificationConfig":
      return ofPush(params);
    case "ListTaskPushNotificationConfigs":
      return { taskId: params["taskId"] ?? params["id"] };
    case "GetTask":
    case "CancelTask":
    case "SubscribeToTask":
      return ofTask(params);
    default:
      return params;
  }
}

/** The same of HTTP+JSON, where protobuf leaves out what is false: whoever configures a message and does not say that it waits does not wait. */
export function fromLegacyRest(method: A2aMethod, body: unknown): unknown {
  if (!isObject(body) || !isObject(body["configuration"])) return fromLegacy(method, body);
  return fromLegacy(method, { ...body, configuration: { blocking: false, ...body["configuration"] } });
}
