/** Rings for those who wait for something that a conversation is told from outside. What nobody waits for is not kept: whoever waits looks for itself, too. */
export interface Bell {
  ring(conversationId: string): void;
  /** Resolves with the next ring, or once the signal aborts. */
  heard(conversationId: string, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  const waiting = new Map<string, Set<() => void>>();
  return {
    ring(conversationId) {
      for (const wake of waiting.get(conversationId) ?? []) wake();
    },
    heard: (conversationId, signal) =>
      new Promise((resolve) => {
        const those = waiting.get(conversationId) ?? new Set();
        waiting.set(conversationId, those);
        const wake = (): void => {
          those.delete(wake);
          if (those.size === 0) waiting.delete(conversationId);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        those.add(wake);
        signal.addEventListener("abort", wake, { once: true });
        if (signal.aborted) wake();
      }),
  };
}
