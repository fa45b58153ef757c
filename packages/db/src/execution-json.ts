import { type Execution, NO_USAGE } from "@parley/contracts";

/** An execution as `execution_json` builds it. */
export type StoredExecution = Omit<Execution, "usage"> & { usage: Execution["usage"] | null };

export const toExecution = (stored: StoredExecution): Execution => ({ ...stored, usage: stored.usage ?? NO_USAGE });
