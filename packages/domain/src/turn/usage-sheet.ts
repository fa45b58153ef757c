import { addUsage, NO_USAGE, type Usage } from "@parley/contracts";
import type { MeterReading } from "../billing/meter-model.ts";
import type { UsageLine } from "./turn-store.ts";

/** What a turn has used so far, and which lines of it no write has taken along yet. */
export class UsageSheet {
  #unsaved: UsageLine[] = [];
  readonly #totals = new Map<string, Usage>();
  readonly #turnId: string;
  readonly #attempt: number;

  constructor(turnId: string, attempt: number) {
    this.#turnId = turnId;
    this.#attempt = attempt;
  }

  /** A call was metered. Calls that used nothing (refused before anything came back) leave no line. */
  add(executionId: string, step: number, tryNumber: number, reading: MeterReading): void {
    if (reading.modelCalls === 0) return;
    const { model, modelCalls: _, ...tokens } = reading;
    this.#unsaved.push({ turnId: this.#turnId, executionId, attempt: this.#attempt, step, try: tryNumber, model, ...tokens });
    this.count(executionId, reading);
  }

  /** A journalled step of an earlier attempt counts for the answer that is built on it; its line exists already. */
  count(executionId: string, usage: Usage): void {
    this.#totals.set(executionId, addUsage(this.of(executionId), usage));
  }

  of(executionId: string): Usage {
    const { inputTokens, outputTokens, cachedTokens, reasoningTokens, modelCalls, estimated } = this.#totals.get(executionId) ?? NO_USAGE;
    return { inputTokens, outputTokens, cachedTokens, reasoningTokens, modelCalls, estimated };
  }

  unsaved(): UsageLine[] {
    return [...this.#unsaved];
  }

  /** A write has taken these along. */
  saved(lines: UsageLine[]): void {
    this.#unsaved = this.#unsaved.filter((line) => !lines.includes(line));
  }
}
