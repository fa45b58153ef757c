import type { Child } from "../services/child.ts";
import type { RunRecord } from "./run-record.ts";

export interface Supervisor {
  /** Remembers a process that was started, to be stopped with the others. */
  onStarted(child: Child): void;
  /** From now on the unexpected end of any of them is told. */
  watch(onLost: (child: Child, end: string) => void): void;
  /** Stops all of them, the last one started first, and gives the checkout free. Only the first call acts; all wait. */
  stop(): Promise<void>;
  isStopping(): boolean;
}

/** Knows every process that this start has started, and ends those and no others. */
export function createSupervisor(record: RunRecord): Supervisor {
  const children: Child[] = [];
  let stopping: Promise<void> | null = null;

  const stopAll = async () => {
    for (const child of children.toReversed()) await child.stop();
    record.release();
  };

  return {
    onStarted(child) {
      children.push(child);
      record.add(child);
      // A process that came up while the others were being stopped goes with them.
      if (stopping) void child.stop();
    },
    watch(onLost) {
      for (const child of children) {
        void child.exited.then((end) => {
          if (!stopping) onLost(child, end);
        });
      }
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
    isStopping: () => stopping !== null,
  };
}
