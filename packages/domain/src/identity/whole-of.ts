import { GatewayError } from "@parley/contracts";
import type { Caller } from "./caller.ts";

/** The organization of a caller who may have to do with all of it, as with its money. A key for some agents has no part in that. Throws `missing_scope`. */
export function wholeOf({ agentIds, organizationId }: Caller): string {
  if (agentIds !== null)
    throw new GatewayError("missing_scope", { text: "A key for some agents has no part in the organization's money." });
  return organizationId;
}
