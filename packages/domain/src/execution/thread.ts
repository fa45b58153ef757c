import {
  type EventData,
  type EventOf,
  type Execution,
  isTurnEnd,
  type LogEvent,
  type ThreadEntry,
  type ThreadMessage,
} from "@parley/contracts";

/** All that was said and done in one execution, oldest first, from the log that its facts are in. */
export function threadEntries(execution: Execution, events: LogEvent[]): ThreadEntry[] {
  const entries: ThreadEntry[] = [];
  const calls = new Map<string, Extract<ThreadEntry, { kind: "tool_call" }>>();
  const cards = new Map<string, CardEntry>();
  const isInLog = execution.mode !== "sync";
  if (!isInLog) entries.push(asked(execution));

  for (const event of events) {
    if (event.executionId !== execution.id) continue;
    const { cursor: id, at } = event;
    const turnId = event.turnId ?? "";
    switch (event.type) {
      case "turn.created": {
        const { input, user } = event.data;
        entries.push({ kind: "user", id: event.data.messageId, at, text: input.text, files: input.files, user, turnId });
        break;
      }
      case "tool.called": {
        const { tool, arguments: given, callId } = event.data;
        const entry = { kind: "tool_call" as const, id, at, tool, arguments: given, result: null, isError: false, turnId };
        calls.set(`${turnId} ${event.data.step} ${callId}`, entry);
        entries.push(entry);
        break;
      }
      case "tool.returned": {
        const entry = calls.get(`${turnId} ${event.data.step} ${event.data.callId}`);
        if (entry !== undefined) Object.assign(entry, { result: event.data.result, isError: event.data.isError });
        break;
      }
      case "child.created":
        entries.push({ kind: "child", id, at, childId: event.data.childId, agentId: event.data.agentId, query: event.data.query, turnId });
        break;
      case "steer.applied": {
        const { messageId, text, files } = event.data;
        entries.push({ kind: "user", id: messageId, at, text, files, user: null, turnId });
        break;
      }
      case "card.opened": {
        const entry = openCard(event.data, { at, turnId });
        cards.set(entry.cardId, entry);
        entries.push(entry);
        break;
      }
      case "card.closed": {
        const entry = cards.get(event.data.cardId);
        if (entry !== undefined) closeCard(entry, event.data);
        break;
      }
      case "turn.completed":
        entries.push({ kind: "agent", id, at, text: event.data.result, turnId, status: "completed" });
        break;
      case "turn.failed":
        entries.push({ kind: "agent", id, at, text: event.data.result ?? event.data.text, turnId, status: event.data.status });
        break;
      case "turn.stopped":
        entries.push({ kind: "agent", id, at, text: event.data.result ?? "", turnId, status: "stopped" });
        break;
      default:
        // The other facts are about how it came about, not about what was said or done.
        break;
    }
  }
  if (!isInLog && execution.finishedAt !== null) entries.push(answered(execution, execution.finishedAt));
  return entries;
}

type CardEntry = Extract<ThreadEntry, { kind: "questions" | "approval" }>;

function openCard(card: EventData["card.opened"], { at, turnId }: { at: string; turnId: string }): CardEntry {
  const base = { id: card.cardId, at, cardId: card.cardId, status: "open", turnId };
  return card.kind === "questions"
    ? { ...base, kind: card.kind, questions: card.questions, answers: null }
    : { ...base, kind: card.kind, approval: card.approval, comment: null };
}

function closeCard(entry: CardEntry, { outcome, answer }: EventData["card.closed"]): void {
  entry.status = outcome;
  if (entry.kind === "questions" && answer !== undefined && "answers" in answer) entry.answers = answer.answers;
  if (entry.kind === "approval" && answer !== undefined && "comment" in answer) entry.comment = answer.comment;
}

/** What the user and the agent said, without calls. Ids are counted by turn, so that they are the same in whatever part. */
export function threadMessages(execution: Execution, events: LogEvent[]): ThreadMessage[] {
  const numbers = turnNumbers(execution, events);
  const used = new Map(events.flatMap((event) => (isEndOf(execution, event) ? [[event.turnId ?? "", event.data.usage] as const] : [])));
  const said = new Map<string, number>();
  const idOf = (speaker: "user" | "agent", turnId: string): string => {
    const id = `${execution.id}_${speaker}_${numbers.get(turnId) ?? 1}`;
    const before = said.get(id) ?? 0;
    said.set(id, before + 1);
    return before === 0 ? id : `${id}_${before + 1}`;
  };
  return threadEntries(execution, events).flatMap((entry): ThreadMessage[] => {
    const { at } = entry;
    if (entry.kind === "user") {
      return [{ id: idOf("user", entry.turnId), role: "user", content: entry.text, files: entry.files, at }];
    }
    if (entry.kind !== "agent") return [];
    const usage = execution.mode === "sync" ? execution.usage : used.get(entry.turnId);
    const message = { id: idOf("agent", entry.turnId), role: "assistant" as const, content: entry.text, files: [], at };
    return [usage === undefined ? message : { ...message, usage }];
  });
}

type End = EventOf<"turn.completed"> | EventOf<"turn.failed"> | EventOf<"turn.stopped">;
const isEndOf = ({ id }: Execution, event: LogEvent): event is End => event.executionId === id && isTurnEnd(event.type);

/** Which turn is which. One that has not been started yet comes after the one before it. */
function turnNumbers(execution: Execution, events: LogEvent[]): Map<string, number> {
  const numbers = new Map<string, number>();
  if (execution.mode === "sync") return numbers;
  for (const { executionId, turnId, data } of events) {
    if (executionId === execution.id && turnId !== null && "turnNumber" in data) numbers.set(turnId, data.turnNumber);
  }
  let last = 0;
  for (const { type, executionId, turnId } of events) {
    if (type !== "turn.created" || executionId !== execution.id || turnId === null) continue;
    last = numbers.get(turnId) ?? last + 1;
    numbers.set(turnId, last);
  }
  return numbers;
}

/** A sync child has no message of its own: it was asked by its parent's call. */
function asked(execution: Execution): ThreadEntry {
  const { id, createdAt: at, input, user, turnId } = execution;
  return { kind: "user", id: `${id}-query`, at, text: input.text, files: input.files, user, turnId: turnId ?? "" };
}

function answered(execution: Execution, at: string): ThreadEntry {
  const { id, result, status, turnId } = execution;
  return { kind: "agent", id: `${id}-answer`, at, text: result ?? "", turnId: turnId ?? "", status };
}
