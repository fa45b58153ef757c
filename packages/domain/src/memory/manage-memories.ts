import { GatewayError } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { searchWords } from "./search-words.ts";

const agentIdsOf = (caller: Caller): string[] | null => (caller.agentIds === null ? null : [...caller.agentIds]);

/** What is remembered, to be looked at and to be forgotten. A key for some agents sees what these have learned. */
export function manageMemories(context: GatewayContext): Pick<Gateway, "listMemories" | "deleteMemory"> {
  const { memories, limits } = context;

  async function deleteMemory(bound: GatewayContext, caller: Caller, memoryId: string): Promise<{ deleted: true }> {
    const deleted = await bound.memories.delete(caller.organizationId, memoryId, agentIdsOf(caller));
    if (!deleted) throw new GatewayError("not_found");
    return { deleted };
  }

  return {
    async listMemories(caller, filter) {
      checkPage(filter, limits);
      if (filter.agentId !== undefined && !mayUseAgent(caller, filter.agentId)) throw new GatewayError("not_found");
      const words = filter.query === undefined ? null : searchWords(filter.query);
      return memories.list(caller.organizationId, { ...filter, agentIds: agentIdsOf(caller), words });
    },
    async deleteMemory(caller, memoryId, once) {
      await runOnce(context, caller, once, { input: memoryId, run: (bound) => deleteMemory(bound, caller, memoryId) });
    },
  };
}
