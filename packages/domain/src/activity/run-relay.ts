import type { Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import { tellActivity } from "./activity-news.ts";
import type { RelayStore } from "./activity-store.ts";

/** How long a fact waits for its number, at most and about half of it on average. */
const TICK_MS = 200;
const OFFICE = "relay";
/** Another worker goes on when the relay is silent this long. */
const OFFICE_MS = 2_000;

interface RelayPorts {
  store: RelayStore;
  tail: Pick<LiveTail, "publish">;
  clock: Clock;
  log: Log;
  workerId: string;
  limits: Pick<Limits, "activityKeptMax" | "activityKeptDays">;
}

/**
 * The elected worker gives numbers to what has been committed, and wakes those who follow. The office only spares work: each round is one
 * transaction under a lock, so that one relay that dies in the middle, or two at once, neither leave anything out nor tell it twice.
 * Ends when the signal aborts.
 */
export async function runRelay({ store, tail, clock, log, workerId, limits }: RelayPorts, signal: AbortSignal): Promise<void> {
  let officeUntilMs = Number.NEGATIVE_INFINITY;
  let isElected = false;
  while (!signal.aborted) {
    try {
      const nowMs = clock.monotonicMs();
      if (nowMs >= officeUntilMs) {
        isElected = await store.holdOffice(OFFICE, workerId, OFFICE_MS);
        officeUntilMs = nowMs + OFFICE_MS / 2;
      }
      if (isElected) {
        const { organizations, more } = await store.relay({ rowsMax: limits.activityKeptMax, days: limits.activityKeptDays });
        tellActivity(tail, organizations);
        if (more) continue;
      }
    } catch (error) {
      log.warn({ err: error }, "activity not relayed");
    }
    await clock.sleep(TICK_MS, signal);
  }
}
