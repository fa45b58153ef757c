import type { JobPayload } from "@parley/contracts";
import type { Engine } from "@parley/domain";
import type { JobContext } from "@parley/queue";

export const compactConversation =
  (engine: Engine) =>
  (payload: JobPayload<"conversation.compact">, { signal }: JobContext) =>
    engine.compact(payload, signal);
