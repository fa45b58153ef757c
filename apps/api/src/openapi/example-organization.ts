import { ofOrganization } from "../billing/of-organization.ts";

/** Whose things the operator's examples are about. */
export const EXAMPLE_ORGANIZATION = "0198a000-0000-7000-8000-000000000009";
export const ofExampleOrganization = ofOrganization.extend({
  organization_id: ofOrganization.shape.organization_id.meta({ examples: [EXAMPLE_ORGANIZATION] }),
});
