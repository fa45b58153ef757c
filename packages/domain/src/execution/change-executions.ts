import { type DeleteExecution, GatewayError, isTerminal } from "@parley/contracts";
import { announceStop } from "../conversation/announce-stop.ts";
import { awaitTurn } from "../conversation/await-turn.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { findExecution } from "./find-execution.ts";

type Changes = Pick<Gateway, "stopExecution" | "deleteExecution">;

/** How long a stop waits for the turn's end before it answers with what is known. */
const STOP_WAIT_MS = 5_000;

export const changeExecutions = (context: GatewayContext): Changes => ({
  async stopExecution(caller, executionId, once) {
    const { conversationId, turnId } = await runOnce(context, caller, once, {
      input: executionId,
      run: (bound) => beginStop(bound, caller, executionId),
    });
    if (turnId !== null) {
      const signal = new AbortController().signal;
      await awaitTurn(context, caller, { conversationId, turnId, waitMs: STOP_WAIT_MS, signal });
    }
    return findExecution(context, caller, executionId);
  },
  async deleteExecution(caller, input, once) {
    await runOnce(context, caller, once, { input, run: (bound) => deleteExecution(bound, caller, input) });
  },
});

/** `turnId` is the turn whose end is to be waited for; null where nothing runs. */
async function beginStop(context: GatewayContext, caller: Caller, executionId: string) {
  const execution = await findExecution(context, caller, executionId);
  const { conversationId } = execution;
  if (isTerminal(execution.status) || execution.turnId === null) return { conversationId, turnId: null };
  // A sync child is a part of its root's turn: to stop it is to stop that turn.
  const key = { organizationId: caller.organizationId, conversationId };
  const meant = execution.mode === "async" ? null : execution.turnId;
  const done = await context.conversations.stop(key, { turnId: meant, clearQueue: false });
  void announceStop(context, key, done);
  return { conversationId, turnId: done.turnId };
}

async function deleteExecution(
  context: GatewayContext,
  caller: Caller,
  { executionId, memories }: { executionId: string; memories: DeleteExecution["memories"] },
): Promise<object> {
  const execution = await findExecution(context, caller, executionId);
  // A child goes with its conversation, not by itself.
  if (execution.parentId !== null) throw new GatewayError("not_found");
  if (!(await context.executions.delete(caller.organizationId, executionId, memories))) throw new GatewayError("turn_in_progress");
  return {};
}
