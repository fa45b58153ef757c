import { GatewayError } from "@parley/contracts";
import type { OrganizationStore } from "./key-store.ts";

/** Throws `not_found` for an organization that is not there. */
export async function checkOrganization({ organizations }: { organizations: OrganizationStore }, organizationId: string): Promise<void> {
  if (!(await organizations.exists(organizationId))) throw new GatewayError("not_found");
}
