import type { Engine } from "@parley/domain";
import type { JobHandlers } from "@parley/queue";

export const recoverCardEvents =
  (engine: Engine): Required<JobHandlers>["card.recover"] =>
  (_payload, { signal }) =>
    engine.recoverCardEvents(signal);
