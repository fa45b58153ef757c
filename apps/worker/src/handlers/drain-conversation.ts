import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";

export const drainConversation = (engine: Engine) => (payload: JobPayload<"conversation.drain">) => engine.drainQueue(payload);
