/** Calls of this process that wait for their user: who declines ends the wait, and the card stays open. */
export interface Cards {
  /** Aborts when the user declines. */
  wait(id: string): AbortSignal;
  decline(id: string): void;
  forget(id: string): void;
}

export function createCards(): Cards {
  const waiting = new Map<string, AbortController>();
  return {
    wait(id) {
      const declined = new AbortController();
      waiting.set(id, declined);
      return declined.signal;
    },
    decline: (id) => waiting.get(id)?.abort(),
    forget: (id) => void waiting.delete(id),
  };
}
