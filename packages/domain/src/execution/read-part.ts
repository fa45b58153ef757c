import { type Cursor, type Execution, GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { LogPart } from "../log/log-store.ts";

interface Wanted {
  before?: Cursor | undefined;
  /** How many of its newest turns at most; else the limit. */
  turnsMax?: number;
}

/** The newest part of what an execution did, before a cursor. A sync child did it all within one turn of its root's log. */
export async function readPart({ logs, limits }: GatewayContext, execution: Execution, wanted: Wanted = {}): Promise<LogPart> {
  const { id, organizationId, conversationId, turnId } = execution;
  const key = { organizationId, conversationId };
  if (execution.mode === "sync") {
    const events = await logs.readTurn({ ...key, turnId: turnId ?? id, executionId: id });
    if (events === null) throw new GatewayError("not_found");
    return { events, older: null };
  }
  const { threadTurnsMax, threadBytesMax: bytesMax, threadChildrenMax: childrenMax } = limits;
  const { before = null, turnsMax = threadTurnsMax } = wanted;
  const part = await logs.readBack({ ...key, before, turnsMax, bytesMax, childrenMax });
  if (part === null) throw new GatewayError("not_found");
  return part;
}

/** The turns of its own that a part has something of. */
export const turnsIn = (execution: Execution, { events }: LogPart): string[] => [
  ...new Set(events.flatMap(({ executionId, turnId }) => (executionId === execution.id && turnId !== null ? [turnId] : []))),
];
