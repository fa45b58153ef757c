import { addUsage, NO_USAGE, type Usage } from "@parley/contracts";
import type { MeterReading } from "../billing/meter-model.ts";
import type { UsageLine } from "./turn-store.ts";

export interface CallPlace {
  executionId: string;
  step: number;
  try: number;
}

/** What a turn has used so far, and which lines of it no write has taken along yet. */
export class UsageSheet {
  #unsaved: UsageLine[] = [];
  /** Calls under way, by their place, and what tells how far they are. */
  readonly #open = new Map<string, () => UsageLine>();
  readonly #totals = new Map<string, Usage>();
  readonly #turnId: string;
  readonly #attempt: number;

  constructor(turnId: string, attempt: number) {
    this.#turnId = turnId;
    this.#attempt = attempt;
  }

  /** A call is about to be made; `soFar` tells at any time what it has used. It ends with its `add`. */
  open(place: CallPlace, soFar: () => MeterReading): void {
    this.#open.set(keyOf(place), () => this.#line(place, soFar()));
  }

  /** A call was metered. Calls that used nothing (refused before anything came back) leave no line. */
  add(place: CallPlace, reading: MeterReading): void {
    this.#open.delete(keyOf(place));
    if (reading.modelCalls === 0) return;
    this.#unsaved.push(this.#line(place, reading));
    this.count(place.executionId, reading);
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

  /** All that would be lost with this process: what no write has taken along yet, and what calls under way have used so far. */
  standing(): UsageLine[] {
    return [...this.#unsaved, ...[...this.#open.values()].map((line) => line())];
  }

  /** A write has taken these along. */
  saved(lines: UsageLine[]): void {
    this.#unsaved = this.#unsaved.filter((line) => !lines.includes(line));
  }

  #line({ executionId, step, try: tryNumber }: CallPlace, { model, modelCalls: _, ...tokens }: MeterReading): UsageLine {
    return { turnId: this.#turnId, executionId, attempt: this.#attempt, step, try: tryNumber, model, ...tokens };
  }
}

const keyOf = ({ executionId, step, try: tryNumber }: CallPlace): string => `${executionId}/${step}/${tryNumber}`;
