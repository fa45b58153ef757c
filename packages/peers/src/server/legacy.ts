import { type A2aPart, isObject } from "@parley/contracts";
import type { WireArtifact, WireEvent, WireMessage, WirePush, WireState, WireStatus, WireTask } from "./wire.ts";

/** Version 0.3 as JSON-RPC has it: every object says its kind, and names of states are in lower case. */

const stateOf = (state: WireState): string => state.slice("TASK_STATE_".length).toLowerCase().replace("_", "-");

function partOf({ text, raw, url, data, mediaType, filename, metadata }: A2aPart): object {
  const more = metadata === undefined ? {} : { metadata };
  if (text !== undefined) return { kind: "text", text, ...more };
  const file = { ...(filename !== undefined && { name: filename }), ...(mediaType !== undefined && { mimeType: mediaType }) };
  if (raw !== undefined) return { kind: "file", file: { bytes: raw, ...file }, ...more };
  if (url !== undefined) return { kind: "file", file: { uri: url, ...file }, ...more };
  return { kind: "data", data: isObject(data) ? data : { value: data }, ...more };
}

const messageOf = ({ role, parts, ...message }: WireMessage): object => ({
  kind: "message",
  ...message,
  role: role === "ROLE_USER" ? "user" : "agent",
  parts: parts.map(partOf),
});

const statusOf = ({ state, message, timestamp }: WireStatus): object => ({
  state: stateOf(state),
  timestamp,
  ...(message && { message: messageOf(message) }),
});

const artifactOf = ({ parts, ...artifact }: WireArtifact): object => ({ ...artifact, parts: parts.map(partOf) });

export const legacyTask = ({ status, artifacts, history, ...task }: WireTask): object => ({
  kind: "task",
  ...task,
  status: statusOf(status),
  ...(artifacts && { artifacts: artifacts.map(artifactOf) }),
  ...(history && { history: history.map(messageOf) }),
});

/** `isLast`: the stream ends with it. */
export function legacyEvent(event: WireEvent, isLast: boolean): object {
  if ("task" in event) return legacyTask(event.task);
  if ("artifactUpdate" in event) {
    const { artifact, ...update } = event.artifactUpdate;
    return { kind: "artifact-update", ...update, artifact: artifactOf(artifact) };
  }
  const { status, ...update } = event.statusUpdate;
  return { kind: "status-update", ...update, status: statusOf(status), final: isLast };
}

export const legacyPush = ({ taskId, id, url, authentication }: WirePush): object => ({
  taskId,
  pushNotificationConfig: { id, url, ...(authentication && { authentication: { schemes: [authentication.scheme] } }) },
});
