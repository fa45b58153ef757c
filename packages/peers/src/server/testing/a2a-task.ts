import type { A2aTask, Card, Cursor, EventData, EventType, LogEvent } from "@parley/contracts";

/** A task at work, whose log stands at its third event. */
export const a2aTask = (more: Partial<A2aTask> = {}): A2aTask => ({
  id: "turn",
  organizationId: "organization",
  principalId: "principal",
  agentId: "agent",
  conversationId: "conversation",
  messageId: "message",
  contextId: "context",
  state: "working",
  stateAt: "2026-01-01T00:00:00.000Z",
  reason: null,
  refusedBy: null,
  result: null,
  cards: [],
  said: [{ at: "2026-01-01T00:00:00.000Z", message: { messageId: "m-1", parts: [{ text: "Hello" }] } }],
  start: "1-0" as Cursor,
  head: "1-3" as Cursor,
  createdAt: "2026-01-01T00:00:00.000Z",
  ...more,
});

/** An event of the task's own turn. */
export const eventAt = <Type extends EventType>(n: number, type: Type, data: EventData[Type], more: Partial<LogEvent> = {}): LogEvent =>
  ({
    cursor: `1-${n}`,
    type,
    executionId: "conversation",
    turnId: "turn",
    at: "2026-01-01T00:00:01.000Z",
    data,
    ...more,
  }) as LogEvent;

export const questionCard = (id: string, status: Card["status"], text = "Which one?"): Card => ({
  id,
  turnId: "turn",
  executionId: "conversation",
  status,
  answeredBy: null,
  createdAt: "2026-01-01T00:00:02.000Z",
  expiresAt: null,
  closedAt: null,
  kind: "questions",
  questions: [{ id: "q", text, multiSelect: false, allowFreeText: true, required: true, options: [] }],
  answer: null,
});
