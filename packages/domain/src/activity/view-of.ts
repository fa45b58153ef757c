import { ACTIVITY_TYPES, activityRow, grants } from "@parley/contracts";
import type { Caller } from "../identity/caller.ts";
import type { ActivityView } from "./activity-store.ts";

/** What this caller may see. The route's own scope was checked before. */
export function viewOf({ organizationId, agentIds, scopes }: Caller): ActivityView {
  const isAdmin = grants(scopes, "admin");
  return {
    organizationId,
    agentIds: agentIds && [...agentIds].sort(),
    types: ACTIVITY_TYPES.filter((type) => isAdmin || activityRow(type).seenBy === "everyone"),
    withContent: isAdmin || grants(scopes, "conversations:read"),
  };
}
