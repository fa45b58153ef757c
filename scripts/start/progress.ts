const NARROW = 24;

/** Seconds with one decimal, as a person reads them. */
const seconds = (fromMs: number): string => `${((performance.now() - fromMs) / 1000).toFixed(1)} s`;

export interface Progress {
  /** Does one step, then prints its line: what it is, how it ended, how long it took. */
  step<Result>(name: string, work: () => Promise<Result>, told?: (result: Result) => string): Promise<Result>;
  /** A line that belongs to the step at hand. */
  note(text: string): void;
  /** From now on nothing is printed: the reason of a failure stays the last line, though steps beside it still end. */
  close(): void;
  /** Since the command was given. */
  elapsed(): string;
}

export function createProgress(write: (line: string) => void, startedMs: number): Progress {
  let isClosed = false;
  const print = (line: string) => {
    if (!isClosed) write(line);
  };
  return {
    async step(name, work, told) {
      const fromMs = performance.now();
      const result = await work();
      print(`  ${name.padEnd(NARROW)} ${(told?.(result) ?? "ready").padEnd(44)} ${seconds(fromMs)}`);
      return result;
    },
    note: (text) => print(`  ${text}`),
    close() {
      isClosed = true;
    },
    elapsed: () => seconds(startedMs),
  };
}
