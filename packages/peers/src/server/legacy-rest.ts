import { type A2aPart, isObject } from "@parley/contracts";
import type { WireArtifact, WireEvent, WireMessage, WirePush, WireStatus, WireTask } from "./wire.ts";

/** Version 0.3 as HTTP+JSON has it: the JSON of its protobuf messages, which is neither that of 1.0 nor that of its own JSON-RPC. */

function partOf({ text, raw, url, data, mediaType = "", filename = "", metadata }: A2aPart): object {
  const more = metadata === undefined ? {} : { metadata };
  if (text !== undefined) return { text, ...more };
  if (raw !== undefined) return { file: { fileWithBytes: raw, mimeType: mediaType, name: filename }, ...more };
  if (url !== undefined) return { file: { fileWithUri: url, mimeType: mediaType, name: filename }, ...more };
  return { data: { data: isObject(data) ? data : { value: data } }, ...more };
}

const messageOf = ({ parts, referenceTaskIds: _, ...message }: WireMessage): object => ({ ...message, content: parts.map(partOf) });

const statusOf = ({ state, message, timestamp }: WireStatus): object => ({
  state: state === "TASK_STATE_CANCELED" ? "TASK_STATE_CANCELLED" : state,
  timestamp,
  ...(message && { message: messageOf(message) }),
});

const artifactOf = ({ parts, ...artifact }: WireArtifact): object => ({ ...artifact, parts: parts.map(partOf) });

export const legacyRestTask = ({ status, artifacts, history, ...task }: WireTask): object => ({
  ...task,
  status: statusOf(status),
  ...(artifacts && { artifacts: artifacts.map(artifactOf) }),
  ...(history && { history: history.map(messageOf) }),
});

/** `isLast`: the stream ends with it. */
export function legacyRestEvent(event: WireEvent, isLast: boolean): object {
  if ("task" in event) return { task: legacyRestTask(event.task) };
  if ("artifactUpdate" in event) {
    const { artifact, ...update } = event.artifactUpdate;
    return { artifactUpdate: { ...update, artifact: artifactOf(artifact) } };
  }
  const { status, ...update } = event.statusUpdate;
  return { statusUpdate: { ...update, status: statusOf(status), final: isLast } };
}

export const legacyRestPush = ({ taskId, id, url, authentication }: WirePush): object => ({
  name: `tasks/${taskId}/pushNotificationConfigs/${id}`,
  pushNotificationConfig: { id, url, ...(authentication && { authentication: { schemes: [authentication.scheme] } }) },
});
