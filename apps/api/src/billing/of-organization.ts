import { organizationId } from "@parley/contracts";
import { z } from "zod";

/** The organization that an operator means, in an address. */
export const ofOrganization = z.object({ organization_id: organizationId });
