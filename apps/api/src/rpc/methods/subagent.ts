import { type Execution, executionId, messageInput, submitInput } from "@parley/contracts";
import { z } from "zod";
import { type MethodsOf, method } from "../method.ts";
import { limitOf, partShape } from "../part.ts";

/** What conversations that were spawned say of themselves. */
export const SPAWNED = "session.spawn";

const run = ({ id, conversationId, parentId, agentId, mode, status, reason, input, createdAt, startedAt, finishedAt }: Execution) => ({
  ...{ runId: id, conversationId, parentId, agentId, mode, status, reason, createdAt, startedAt, finishedAt },
  task: input.text,
});

const target = { target: executionId };

/** Runs of agents: children, and conversations that were spawned. */
export const subagent = {
  "subagent.list": method(
    { recentMinutes: z.int().positive().max(525_600).default(30), limit: partShape.limit },
    async ({ administration, caller, limits }, { recentMinutes, limit }) => {
      const since = new Date(Date.now() - recentMinutes * 60_000);
      const { items, total } = await administration.listRuns(caller, { since, source: SPAWNED, limit: limitOf(limit, limits) });
      return { runs: items.map(run), total };
    },
  ),

  "subagent.kill": method(target, async ({ gateway, caller, once }, { target }) => {
    const { id, status } = await gateway.stopExecution(caller, target, once);
    return { killed: true, runId: id, status };
  }),

  /** Hands a message to a spawned run at its next step. The run stays the same one. A child takes none: it has its task from its parent. */
  "subagent.steer": method({ ...target, message: messageInput.shape.text.unwrap().min(1) }, async (call, { target, message }) => {
    const { gateway, caller, method, once } = call;
    const { agentId, conversationId } = await gateway.getExecution(caller, target);
    const input = submitInput.parse({ agentId, conversationId, text: message, mode: "steer", idempotencyKey: once?.key });
    const { messageId, turnId, action } = await gateway.submitMessage(caller, input, { route: method });
    return { status: "steered", runId: target, messageId, turnId, action };
  }),
} satisfies MethodsOf<"subagent">;
