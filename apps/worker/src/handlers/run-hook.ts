import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";

export const runHook = (engine: Engine) => (payload: JobPayload<"hook.run">) => engine.runHook(payload);
