import { type Message, type Part, Role, type SendMessageRequest } from "@a2a-js/sdk";
import type { PeerCall } from "@parley/domain";

/** A call's message for the SDK. `taskId`: where it goes on with a task, or the id that it gives to the one it begins. */
export function requestOf(call: PeerCall, taskId: string | null): SendMessageRequest {
  const { messageId, contextId, referenceTaskIds, push } = call;
  const message: Message = {
    messageId,
    contextId,
    taskId: taskId ?? "",
    role: Role.ROLE_USER,
    parts: [partOf(call)],
    metadata: undefined,
    extensions: [],
    referenceTaskIds,
  };
  const pushConfig =
    push === null ? undefined : { tenant: "", id: "", taskId: taskId ?? "", url: push.url, token: push.token, authentication: undefined };
  return {
    tenant: "",
    message,
    configuration: {
      acceptedOutputModes: ["text/plain", "application/json"],
      taskPushNotificationConfig: pushConfig,
      returnImmediately: true,
    },
    metadata: { ...(call.skill === null ? {} : { skill: call.skill }), hopsMax: call.hopsMax },
  };
}

function partOf({ input }: PeerCall): Part {
  const said = { metadata: undefined, filename: "" };
  const [only] = Object.entries(input).length === 1 ? Object.entries(input) : [];
  if (only?.[0] === "input" && typeof only[1] === "string")
    return { ...said, content: { $case: "text", value: only[1] }, mediaType: "text/plain" };
  return { ...said, content: { $case: "data", value: input }, mediaType: "application/json" };
}
