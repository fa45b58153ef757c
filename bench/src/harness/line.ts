/** One thing that was measured, for everyone it was measured for. */
export interface Line {
  /** As GOALS numbers them: `S2`. */
  goal: string;
  what: string;
  values: ReadonlyMap<string, number>;
  decimals: number;
  limits: Limit[];
}

export interface Limit {
  text: string;
  /** Ours must not be beyond it; NaN where what it stands on was not measured. */
  value: number;
  direction: "at most" | "at least";
}

export const atMost = (value: number, text: string): Limit => ({ value, text, direction: "at most" });
export const atLeast = (value: number, text: string): Limit => ({ value, text, direction: "at least" });

/** Null where either side was not measured. */
export function isMet({ value, direction }: Limit, ours: number | undefined): boolean | null {
  if (ours === undefined || Number.isNaN(ours) || Number.isNaN(value)) return null;
  return direction === "at most" ? ours <= value : ours >= value;
}

/** A value of a line, NaN where it was not measured: what NaN takes part in stays NaN. */
export const valueOf = (values: ReadonlyMap<string, number>, name: string): number => values.get(name) ?? Number.NaN;
