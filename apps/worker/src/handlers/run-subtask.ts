import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";

export const runSubtask = (engine: Engine) => (payload: JobPayload<"subtask.run">) => engine.runTurn(payload);
