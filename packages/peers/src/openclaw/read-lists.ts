import { type GatewayStatus, STATUS_LIST_MAX, type StatusJob, type StatusSession } from "@parley/contracts";
import { z } from "zod";

/** Names and words of somebody else's: data, and not too much of it. */
const words = z
  .string()
  .transform((text) => text.slice(0, 500))
  .nullable()
  .catch(null);
const time = z
  .union([z.number(), z.string()])
  .transform((at) => {
    const date = new Date(at);
    return Number.isNaN(date.getTime()) ? null : date.toISOString();
  })
  .nullable()
  .catch(null);
const count = z.int().nonnegative().nullable().catch(null);

const session = z.looseObject({
  key: words,
  agentId: words,
  status: words,
  messageCount: count,
  updatedAt: time,
  lastActivity: time,
  createdAt: time,
  model: words,
  hasActiveRun: z.boolean().catch(false),
});

/** A gateway may say it as JSON in a text. */
function unpacked(payload: unknown): unknown {
  if (typeof payload !== "string") return payload;
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}

function listIn(payload: unknown, name: string): { items: unknown[]; total: number } | null {
  const given = unpacked(payload);
  if (Array.isArray(given)) return { items: given, total: given.length };
  if (typeof given !== "object" || given === null) return null;
  const members = given as Record<string, unknown>;
  const items = members[name];
  if (!Array.isArray(items)) return null;
  const told = [members["total"], members["count"]].find((figure) => typeof figure === "number" && Number.isInteger(figure));
  return { items, total: Math.max(items.length, typeof told === "number" ? told : 0) };
}

/** So long after its last sign a session counts as active. */
const ACTIVE_MS = 3_600_000;

/** Null for what is no list of sessions. */
export function readSessions(payload: unknown, nowMs = Date.now()): GatewayStatus["sessions"] | null {
  const found = listIn(payload, "sessions");
  if (found === null) return null;
  const rows = found.items.flatMap((item) => session.safeParse(item).data ?? []);
  const isActive = ({ hasActiveRun, updatedAt, lastActivity }: (typeof rows)[number]): boolean =>
    hasActiveRun || nowMs - Date.parse(lastActivity ?? updatedAt ?? "") < ACTIVE_MS;
  const list = rows.slice(0, STATUS_LIST_MAX).map(
    ({ key, agentId, status, messageCount, updatedAt, lastActivity, createdAt, model }): StatusSession => ({
      ...{ key: key ?? "", agentId, status, messageCount, lastActivity: lastActivity ?? updatedAt, createdAt, model },
    }),
  );
  return { available: true, total: found.total, active: rows.filter(isActive).length, list, error: null };
}

const job = z.looseObject({
  id: words,
  jobId: words,
  name: words,
  enabled: z.boolean().catch(true),
  schedule: z
    .record(z.string(), z.union([z.string().max(500), z.number(), z.boolean(), z.null()]))
    .nullable()
    .catch(null),
  state: z.looseObject({ lastRunAtMs: time, nextRunAtMs: time }).nullable().catch(null),
  lastRun: time,
  nextRun: time,
});

/** Null for what is no list of jobs. */
export function readJobs(payload: unknown): GatewayStatus["cron"] | null {
  const found = listIn(payload, "jobs");
  if (found === null) return null;
  const rows = found.items.flatMap((item) => job.safeParse(item).data ?? []);
  const jobs = rows.slice(0, STATUS_LIST_MAX).map(
    ({ id, jobId, name, enabled, schedule, state, lastRun, nextRun }): StatusJob => ({
      ...{ id: id ?? jobId ?? "", name: name ?? "", enabled, schedule },
      ...{ lastRun: lastRun ?? state?.lastRunAtMs ?? null, nextRun: nextRun ?? state?.nextRunAtMs ?? null },
    }),
  );
  return { available: true, total: found.total, enabled: rows.filter(({ enabled }) => enabled).length, jobs, error: null };
}
