import { type Cursor, GatewayError, type LogEvent, START } from "@parley/contracts";
import type { LogStore } from "./log-store.ts";

const PAGE_MAX = 1_000;

/** The whole durable log of a conversation. */
export async function readLog(logs: LogStore, key: { organizationId: string; conversationId: string }): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for (let after: Cursor = START; ; ) {
    const page = await logs.read({ ...key, after, limit: PAGE_MAX });
    if (page === null) throw new GatewayError("not_found");
    events.push(...page.events);
    const last = page.events.at(-1);
    if (!page.more || last === undefined) return events;
    after = last.cursor;
  }
}
