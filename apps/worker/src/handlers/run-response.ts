import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";
import type { JobContext } from "@parley/queue";

export const runResponse =
  (engine: Engine) =>
  (payload: JobPayload<"response.run">, { signal }: JobContext) =>
    engine.runResponse(payload, signal);
