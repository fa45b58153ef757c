import type { LogEvent } from "@parley/contracts";
import { at, type RestEvent } from "@parley/testkit";
import type { Told } from "./connect.ts";

/** What a reader can show: each execution's unfinished text, and the answers so far. */
interface Shown {
  open: Map<string, string>;
  answers: unknown[];
}

/** Folds what was told by whichever door. `faults`: text with a hole, twice, or that nobody has said. */
export function foldTold(told: Told[], stepTexts: readonly string[]): { answers: unknown[]; faults: string[] } {
  const shown: Shown = { open: new Map(), answers: [] };
  const faults: string[] = [];
  for (const one of told) {
    const fault = one.door === "rest" ? showFrame(shown, one.event) : showEvent(shown, one.event);
    if (fault !== null) faults.push(`${one.cursor}: ${fault}`);
    for (const text of shown.open.values()) {
      if (!stepTexts.some((step) => step.startsWith(text))) faults.push(`${one.cursor}: nobody said ${JSON.stringify(text)}`);
    }
  }
  return { answers: shown.answers, faults };
}

function showFrame({ open, answers }: Shown, { type, taskId, data }: RestEvent): string | null {
  switch (type) {
    case "chunk":
      open.set(taskId, (open.get(taskId) ?? "") + String(data));
      break;
    case "snapshot":
      open.clear();
      for (const { task_id, text } of at(data, "texts") as { task_id: string; text: string }[]) open.set(task_id, text);
      break;
    case "attempt_superseded":
      if (at(data, "reason") === "upstream") open.delete(taskId);
      else open.clear();
      break;
    case "tool_call_request":
    case "sub_task_finished":
      open.delete(taskId);
      break;
    case "task_created":
    case "turn_started":
      open.clear();
      break;
    case "turn_finished":
      open.clear();
      answers.push(at(data, "result"));
  }
  return null;
}

function showEvent({ open, answers }: Shown, event: LogEvent): string | null {
  switch (event.type) {
    case "turn.delta": {
      const before = open.get(event.executionId) ?? "";
      const { offset, text } = event.data;
      open.set(event.executionId, before + text);
      return offset === before.length ? null : `text from ${offset} follows ${before.length} characters`;
    }
    case "turn.snapshot":
      open.clear();
      for (const { executionId, text } of event.data.texts) open.set(executionId, text);
      return null;
    case "attempt.superseded":
      if (event.data.reason === "upstream") open.delete(event.executionId);
      else open.clear();
      return null;
    case "step.completed": {
      const said = open.get(event.executionId) ?? "";
      open.delete(event.executionId);
      return event.data.text.startsWith(said) ? null : `a step said ${event.data.text} and was shown as ${said}`;
    }
    case "child.finished":
      open.delete(event.data.childId);
      return null;
    case "turn.created":
    case "turn.started":
      open.clear();
      return null;
    case "turn.completed":
    case "turn.failed":
    case "turn.stopped":
      open.clear();
      answers.push(event.data.result);
      return null;
    default:
      return null;
  }
}
