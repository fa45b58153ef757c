import type { IntentRecord, JournalLine, ResponseRecord, ResultRecord, SteerRecord } from "./journal-line.ts";

/** What earlier attempts of this turn have written down, by execution, step and call. */
export interface JournalIndex {
  response(executionId: string, step: number): ResponseRecord | undefined;
  /** In the order of the response's calls. */
  intents(executionId: string, step: number): IntentRecord[];
  result(executionId: string, step: number, callIndex: number): ResultRecord | undefined;
  /** An approved call was begun. */
  started(executionId: string, step: number, callIndex: number): boolean;
  /** Messages applied behind this step, in order. */
  steers(executionId: string, step: number): SteerRecord[];
  /** Children started so far. */
  children(): number;
}

export function indexJournal(lines: JournalLine[]): JournalIndex {
  const byKey = new Map<string, JournalLine>();
  for (const line of lines) byKey.set(keyOf(line.kind, line.executionId, line.step, line.callIndex), line);

  return {
    response(executionId, step) {
      const line = byKey.get(keyOf("response", executionId, step, 0));
      return line?.kind === "response" ? line.payload : undefined;
    },
    intents(executionId, step) {
      const found: IntentRecord[] = [];
      for (let callIndex = 0; ; callIndex += 1) {
        const line = byKey.get(keyOf("intent", executionId, step, callIndex));
        if (line?.kind !== "intent") return found;
        found.push(line.payload);
      }
    },
    result(executionId, step, callIndex) {
      const line = byKey.get(keyOf("result", executionId, step, callIndex));
      return line?.kind === "result" ? line.payload : undefined;
    },
    started: (executionId, step, callIndex) => byKey.has(keyOf("started", executionId, step, callIndex)),
    steers: (executionId, step) =>
      lines
        .flatMap((line) => (line.kind === "steer" && line.executionId === executionId && line.step === step ? [line] : []))
        .toSorted((a, b) => a.callIndex - b.callIndex)
        .map((line) => line.payload),
    children: () =>
      lines.filter((line) => line.kind === "intent" && (line.payload.act === "dispatch" || line.payload.act === "peer")).length,
  };
}

const keyOf = (kind: JournalLine["kind"], executionId: string, step: number, callIndex: number): string =>
  `${kind} ${executionId} ${step} ${callIndex}`;
