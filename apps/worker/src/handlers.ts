import type { JobName } from "@parley/contracts";
import type { Engine } from "@parley/domain";
import type { JobHandlers } from "@parley/queue";
import { compactConversation } from "./handlers/compact-conversation.ts";
import { drainConversation } from "./handlers/drain-conversation.ts";
import { postUsage } from "./handlers/post-usage.ts";
import { reapTurn } from "./handlers/reap-turn.ts";
import { recoverCardEvents } from "./handlers/recover-card-events.ts";
import { runHook } from "./handlers/run-hook.ts";
import { runResponse } from "./handlers/run-response.ts";
import { runSubtask } from "./handlers/run-subtask.ts";
import { runTurn } from "./handlers/run-turn.ts";
import { settlePayment } from "./handlers/settle-payment.ts";

/** One handler for every order there is; it does not compile with one missing. */
export const handlers = (engine: Engine): Required<JobHandlers> & Record<JobName, unknown> => ({
  "turn.run": runTurn(engine),
  "subtask.run": runSubtask(engine),
  "conversation.drain": drainConversation(engine),
  "response.run": runResponse(engine),
  "billing.post": postUsage(engine),
  "payment.settle": settlePayment(engine),
  "card.recover": recoverCardEvents(engine),
  "turn.reap": reapTurn(engine),
  "conversation.compact": compactConversation(engine),
  "hook.run": runHook(engine),
});
