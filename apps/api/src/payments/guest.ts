import type { Scope } from "@parley/contracts";
import type { Caller } from "@parley/domain";

/** What a guest may do: what is sold, and look at what has come of it. */
const GUEST: ReadonlySet<Scope> = new Set<Scope>(["conversations:write", "conversations:read", "agents:read", "api"]);

/** Who has no key, and calls in the name of who sells. */
export const guestOf = (organizationId: string, principalId: string): Caller => ({
  organizationId,
  principalId,
  scopes: GUEST,
  agentIds: null,
});
