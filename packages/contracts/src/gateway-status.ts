/** What a list shows at most; its totals count all. */
export const STATUS_LIST_MAX = 10;

/** A conversation, as a gateway's status lists it. */
export interface StatusSession {
  key: string;
  agentId: string | null;
  status: string | null;
  messageCount: number | null;
  lastActivity: string | null;
  createdAt: string | null;
  model: string | null;
}

/** A job that a gateway begins by the clock. */
export interface StatusJob {
  id: string;
  name: string;
  enabled: boolean;
  schedule: Record<string, unknown> | null;
  lastRun: string | null;
  nextRun: string | null;
}

/** How a gateway is. Each part stands for itself: one that cannot be had says why in `error`, and is empty. */
export interface GatewayStatus {
  health: "healthy" | "unreachable";
  healthDetail: { ok: boolean; status?: string; error?: string };
  sessions: { available: boolean; total: number; active: number; list: StatusSession[]; error: string | null };
  cron: { available: boolean; total: number; enabled: number; jobs: StatusJob[]; error: string | null };
}
