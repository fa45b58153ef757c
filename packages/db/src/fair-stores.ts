import type { ConversationStore, TurnStore } from "@parley/domain";
import { createFairGate } from "./fair-gate.ts";

const partOf = (pool: number, part: number): number => Math.max(1, Math.floor(pool * part));

/** What a caller writes most goes to Postgres by turns of organizations; a fifth of the connections is left for everything else. */
export function admitFairly(store: ConversationStore, pool: number): ConversationStore {
  const gate = createFairGate(partOf(pool, 0.8));
  return { ...store, submit: (message) => gate.pass(message.organizationId, () => store.submit(message)) };
}

/**
 * What a turn does most goes to Postgres by turns of organizations. Claims are pure work for Postgres: more at a time would only slow
 * down one another. Commits wait for the disk, and are better off together.
 */
export function runFairly(store: TurnStore, pool: number): { store: TurnStore; waiting(): number } {
  const claims = createFairGate(partOf(pool, 0.2));
  const commits = createFairGate(partOf(pool, 0.4));
  return {
    store: {
      ...store,
      claim: (key, options) => claims.pass(key.organizationId, () => store.claim(key, options)),
      commit: (fence, changes, bounds) => commits.pass(fence.organizationId, () => store.commit(fence, changes, bounds)),
    },
    waiting: () => claims.waiting() + commits.waiting(),
  };
}
