import type { MemoryScope } from "@parley/contracts";
import type { MemoryPlace } from "./memory-store.ts";

interface Around {
  organizationId: string;
  agentId: string;
  userEmail: string | null;
}

/** Where these scopes are, as seen from a turn. A turn without an attributed user, or with one whose address is not known, has no place for what is about one. */
export const memoryPlaces = (scopes: MemoryScope[], around: Around): MemoryPlace[] =>
  scopes.flatMap((scope) => memoryPlace(scope, around) ?? []);

export function memoryPlace(scope: MemoryScope, { organizationId, agentId, userEmail }: Around): MemoryPlace | null {
  if (scope === "user") return userEmail === null || userEmail === "" ? null : { scope, scopeId: userEmail.toLowerCase() };
  return { scope, scopeId: scope === "agent" ? agentId : organizationId };
}
