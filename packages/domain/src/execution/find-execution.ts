import { type Execution, GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";

type Ports = Pick<GatewayContext, "executions">;

/** An execution that the caller may see; anything else is `not_found`. */
export async function findExecution({ executions }: Ports, caller: Caller, executionId: string): Promise<Execution> {
  const execution = await executions.find(caller.organizationId, executionId);
  if (execution === null || !(await maySee({ executions }, caller, execution))) throw new GatewayError("not_found");
  return execution;
}

/** A child is seen by whoever may use its own agent or see the execution that started it. */
async function maySee({ executions }: Ports, caller: Caller, execution: Execution): Promise<boolean> {
  if (mayUseAgent(caller, execution.agentId)) return true;
  if (execution.parentId === null) return false;
  const parent = await executions.find(caller.organizationId, execution.parentId);
  return parent !== null && maySee({ executions }, caller, parent);
}
