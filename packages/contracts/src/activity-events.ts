import { z } from "zod";

interface EventRow {
  /** The part whose facts it tells. */
  part: string;
  /** Whether it is told now; else its part is still to come. */
  emitted: boolean;
  /** Who sees it: whoever may follow, or administrators alone. */
  seenBy: "everyone" | "admin";
  /** Whether the list of the latest activity shows it. */
  listed?: true;
  /** What of a payload is content, which only those who may read conversations are told. */
  content?: readonly string[];
}

const told = { emitted: true, seenBy: "everyone" } as const;
const toldToAdmin = { emitted: true, seenBy: "admin" } as const;
const later = { emitted: false, seenBy: "everyone" } as const;
const laterToAdmin = { emitted: false, seenBy: "admin" } as const;

/** The vocabulary of `/api/events`: which part owns each event, and whether it is told by now. `docs/events.md` shows the same table. */
export const ACTIVITY_EVENTS = {
  "message:received": { part: "conversations", ...told, listed: true, content: ["message"] },
  "message:sent": { part: "turns", ...told, listed: true, content: ["content"] },
  "message:streaming": { part: "turns", ...told, listed: true, content: ["delta"] },
  "session:created": { part: "conversations", ...told, listed: true },
  "session:expired": { part: "conversations", ...told, listed: true },
  "session:sub_agent_spawned": { part: "children", ...told, content: ["task"] },
  "session:sub_agent_spawn_started": { part: "children", ...told },
  "session:sub_agent_completed": { part: "children", ...told },
  "session:sub_agent_lifecycle_ended": { part: "children", ...told },
  "session:sub_agent_archived": { part: "children", ...told },
  "session:sub_agent_spawn_queued": { part: "children", ...later },
  "session:sub_agent_spawn_rejected": { part: "children", ...later },
  "audit:event": { part: "administration", ...toldToAdmin, listed: true },
  "security:memory_tainted": { part: "memory", ...toldToAdmin },
  "security:injection_detected": { part: "security", ...laterToAdmin },
  "security:injection_rate_exceeded": { part: "security", ...laterToAdmin },
  "security:warn": { part: "security", ...laterToAdmin },
  "secret:accessed": { part: "secrets", ...laterToAdmin },
  "secret:modified": { part: "secrets", ...laterToAdmin },
  "skill:loaded": { part: "skills", ...later, listed: true },
  "skill:executed": { part: "skills", ...later, listed: true },
  "skill:rejected": { part: "skills", ...later, listed: true },
  "skill:registry_reset": { part: "skills", ...later },
  /** Of the process that serves the stream: it has no number and is not told again. */
  "observability:metrics": { part: "api", ...toldToAdmin },
  "observability:token_usage": { part: "usage", ...told },
  "observability:reset": { part: "usage", ...laterToAdmin },
  "scheduler:job_started": { part: "schedules", ...later, listed: true },
  "scheduler:job_completed": { part: "schedules", ...later, listed: true },
  "scheduler:heartbeat_check": { part: "schedules", ...later, listed: true },
  "scheduler:heartbeat_delivered": { part: "schedules", ...later },
  "scheduler:heartbeat_alert": { part: "schedules", ...later },
  "scheduler:task_extracted": { part: "schedules", ...later, listed: true },
  "approval:requested": { part: "cards", ...told, content: ["params"] },
  "approval:resolved": { part: "cards", ...told, content: ["reason"] },
  "graph:started": { part: "graphs", ...later },
  "graph:node_updated": { part: "graphs", ...later },
  "graph:completed": { part: "graphs", ...later },
  /** As each process takes it up: it has no number and is not told again. */
  "config:patched": { part: "configuration", ...toldToAdmin },
  "diagnostic:channel_health": { part: "channels", ...later },
  "diagnostic:billing_snapshot": { part: "billing", ...toldToAdmin },
  "model:catalog_loaded": { part: "models", ...later },
  "model:fallback_attempt": { part: "models", ...told, content: ["error"] },
  "model:fallback_exhausted": { part: "models", ...told },
  "model:auth_cooldown": { part: "models", ...laterToAdmin },
  "provider:degraded": { part: "models", ...later },
  "provider:recovered": { part: "models", ...later },
  "agent:hot_added": { part: "agents", ...told },
  "agent:hot_removed": { part: "agents", ...told },
  "channel:registered": { part: "channels", ...later },
  "channel:deregistered": { part: "channels", ...later },
  "system:error": { part: "turns", ...told, listed: true, content: ["error"] },
} as const satisfies Record<string, EventRow>;

export type ActivityType = keyof typeof ACTIVITY_EVENTS;

export const ACTIVITY_TYPES = Object.keys(ACTIVITY_EVENTS) as ActivityType[];

/** The row, with the members that only some rows have. */
export const activityRow = (type: ActivityType): EventRow => ACTIVITY_EVENTS[type];

/** One thing that has happened in an organization. */
export interface ActivityEvent {
  /** Grows within the organization; where to go on following. */
  id: number;
  type: ActivityType;
  /** Null where it is about no agent. */
  agentId: string | null;
  conversationId: string | null;
  at: string;
  /** `timestamp` in ms since 1970, and what its type has. */
  payload: Record<string, unknown>;
}

/** A number that the stream has given, as text. */
export const activityCursor = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/, "Not a number of this stream.")
  .transform(Number);

export const followActivityInput = z.object({
  /** What was seen last; absent: what happens from now on. */
  after: z.int().min(0).optional(),
  lastEventId: activityCursor.nullish(),
});
