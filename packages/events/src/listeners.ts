import type { Log } from "@parley/domain";

export interface Listeners<Value> {
  has(key: string): boolean;
  /** The returned function takes the listener away; true the first time. */
  add(key: string, listener: (value: Value) => void): () => boolean;
  tell(key: string, value: Value): void;
  tellAll(value: Value): void;
  clear(): void;
}

/** Who in this process listens to what. A listener that throws is logged and harms nobody else. */
export function createListeners<Value>(log: Log): Listeners<Value> {
  // Each registration is an object of its own: the same function may listen twice.
  const byKey = new Map<string, Set<{ listener: (value: Value) => void }>>();

  const tell = (key: string, value: Value): void => {
    for (const { listener } of byKey.get(key) ?? []) {
      try {
        listener(value);
      } catch (error) {
        log.error({ key, error }, "a listener of the live tail threw");
      }
    }
  };

  return {
    has: (key) => byKey.has(key),
    add(key, listener) {
      const entry = { listener };
      const entries = byKey.get(key) ?? new Set();
      byKey.set(key, entries.add(entry));
      return () => {
        const removed = entries.delete(entry);
        if (entries.size === 0 && byKey.get(key) === entries) byKey.delete(key);
        return removed;
      };
    },
    tell,
    tellAll(value) {
      for (const key of [...byKey.keys()]) tell(key, value);
    },
    clear: () => byKey.clear(),
  };
}
