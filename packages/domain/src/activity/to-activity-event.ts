import type { ActivityEvent, ActivityType } from "@parley/contracts";
import type { StoredActivity } from "./activity-store.ts";

type Stored = Omit<StoredActivity, "source"> & { source: Record<string, unknown> };

/** How the content of each type is made of where it is kept. */
const CONTENTS: Partial<Record<ActivityType, (stored: Stored) => Record<string, unknown>>> = {
  "message:received": ({ data, source, at }) => ({
    message: {
      id: data["messageId"],
      channelId: data["channelId"],
      channelType: data["channelType"],
      senderId: data["senderId"],
      text: source["text"],
      timestamp: Date.parse(at),
      attachments: source["files"],
      metadata: { user: source["user"] },
    },
  }),
  "message:sent": ({ source }) => ({ content: source["result"] }),
  "message:streaming": ({ source }) => ({ delta: source["text"] }),
  "session:sub_agent_spawned": ({ source }) => ({ task: source["query"] }),
  "approval:requested": ({ source }) => ({ params: inside(source["approval"], "arguments") }),
  "approval:resolved": ({ source }) => ({ reason: inside(source["answer"], "comment") ?? null }),
  "model:fallback_attempt": ({ source }) => ({ error: source["error"] }),
  "system:error": ({ source }) => ({ error: source["text"] }),
};

const inside = (value: unknown, member: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[member] : undefined;

export function toActivityEvent(stored: StoredActivity): ActivityEvent {
  const { id, type, agentId, conversationId, at, data, source } = stored;
  const content = source === null ? {} : (CONTENTS[type]?.({ ...stored, source }) ?? {});
  return { id, type, agentId, conversationId, at, payload: { ...data, ...content, timestamp: Date.parse(at) } };
}
