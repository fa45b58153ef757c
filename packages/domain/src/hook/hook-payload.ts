import type { JobPayload, OrganizationId } from "@parley/contracts";
import type { HookDeliveryKey } from "./hook-store.ts";

export const hookPayload = ({ organizationId, id }: HookDeliveryKey): JobPayload<"hook.run"> => ({
  organizationId: organizationId as OrganizationId,
  id,
});
