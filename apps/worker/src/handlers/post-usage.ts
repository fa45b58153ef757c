import type { Engine } from "@parley/domain";
import type { JobHandlers } from "@parley/queue";

export const postUsage =
  (engine: Engine): Required<JobHandlers>["billing.post"] =>
  ({ organizationIds }, { signal }) =>
    engine.postUsage(organizationIds, signal);
