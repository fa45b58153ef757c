import { type EventData, type EventType, type Execution, type LogEvent, makeCursor, NO_USAGE, newId } from "@parley/contracts";

export const ROOT_ID: string = newId();

/** A conversation's root before its first turn. */
export const root = (facts: Partial<Execution> = {}): Execution => ({
  id: ROOT_ID,
  organizationId: "organization",
  conversationId: ROOT_ID,
  agentId: "agent",
  agentVersion: 1,
  parentId: null,
  mode: "root",
  status: "pending",
  input: { text: "", files: [] },
  user: null,
  options: {},
  result: null,
  reason: null,
  refusedBy: null,
  title: null,
  turnId: null,
  turnNumber: 0,
  attempt: 1,
  stoppedByUser: false,
  usage: NO_USAGE,
  childIds: [],
  finishedChildIds: [],
  createdAt: "2026-01-01T00:00:00.000Z",
  startedAt: null,
  finishedAt: null,
  updatedAt: "2026-01-01T00:00:00.000Z",
  ...facts,
});

/** One event of the root's log, the `n`th of its second. */
export const fact = <Type extends EventType>(
  n: number,
  type: Type,
  data: EventData[Type],
  { executionId = ROOT_ID, turnId = "turn-1" }: { executionId?: string; turnId?: string } = {},
): LogEvent =>
  ({ cursor: makeCursor({ epoch: 1, n }), type, executionId, turnId, at: `2026-01-01T00:00:0${n % 10}.000Z`, data }) as LogEvent;
