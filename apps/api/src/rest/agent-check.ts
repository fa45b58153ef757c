import type { Caller, Gateway } from "@parley/domain";

/** As long as the credentials' own cache: a deleted agent may be named in a head this long. */
const KNOWN_MS = 5_000;
const KNOWN_MAX = 10_000;

/**
 * Whether an agent exists, from a short memory, so that a stream's first frame waits for no read. Throws `not_found`.
 * Only what was found is remembered; admission decides by itself in any case.
 */
export function createAgentCheck(gateway: Gateway): (caller: Caller, agentId: string) => Promise<void> {
  const knownUntilMs = new Map<string, number>();
  return async (caller, agentId) => {
    const key = `${caller.organizationId}/${agentId}`;
    const now = performance.now();
    if ((knownUntilMs.get(key) ?? 0) > now) return;
    await gateway.getAgent(caller, agentId);
    if (knownUntilMs.size >= KNOWN_MAX) knownUntilMs.clear();
    knownUntilMs.set(key, now + KNOWN_MS);
  };
}
