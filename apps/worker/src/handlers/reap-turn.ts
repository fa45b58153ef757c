import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";

export const reapTurn = (engine: Engine) => (payload: JobPayload<"turn.reap">) => engine.reapTurn(payload);
