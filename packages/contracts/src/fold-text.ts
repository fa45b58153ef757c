import type { LogEvent } from "./events.ts";

/** The text of an execution's unfinished step. */
export interface OpenText {
  step: number;
  text: string;
}

/** What a reader can show of the running turn, and the answer of the one that ended last. */
export interface FoldedText {
  /** By execution id: the root, and each sync child that is at work. */
  open: Readonly<Record<string, OpenText>>;
  /** The last ended turn's result; null while a turn runs, and where it ended without any. */
  answer: string | null;
}

export const NO_TEXT: FoldedText = { open: {}, answer: null };

/**
 * What is known after one more event. Pure. May start at any cursor: a piece whose beginning was never seen is left
 * out, because text with a hole is wrong text.
 */
export function foldText(state: FoldedText, event: LogEvent): FoldedText {
  switch (event.type) {
    case "turn.delta": {
      const { step, offset, text } = event.data;
      const known = state.open[event.executionId];
      const before = known?.step === step ? known.text : "";
      if (offset > before.length) return state;
      return { ...state, open: { ...state.open, [event.executionId]: { step, text: before.slice(0, offset) + text } } };
    }
    case "turn.snapshot":
      return { ...state, open: Object.fromEntries(event.data.texts.map(({ executionId, step, text }) => [executionId, { step, text }])) };
    case "attempt.superseded":
      return event.data.reason === "upstream" ? without(state, event.executionId) : { ...state, open: {} };
    case "step.completed":
      return without(state, event.executionId);
    case "child.finished":
      return without(state, event.data.childId);
    case "turn.started":
      return NO_TEXT;
    case "turn.completed":
    case "turn.failed":
    case "turn.stopped":
      return { open: {}, answer: event.data.result };
    default:
      return state;
  }
}

function without(state: FoldedText, executionId: string): FoldedText {
  const { [executionId]: _, ...open } = state.open;
  return { ...state, open };
}
