import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";

export const runTurn = (engine: Engine) => (payload: JobPayload<"turn.run">) => engine.runTurn(payload);
