import { GatewayError, newId } from "@parley/contracts";
import { meterDirect } from "../billing/meter-direct.ts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { embedTexts } from "./embed-texts.ts";
import type { Embedding } from "./memory-store.ts";
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
      const { query } = filter;
      const words = query === undefined ? null : searchWords(query);
      const embedding = query === undefined ? null : await embedQuery(context, caller, query);
      return memories.list(caller.organizationId, { ...filter, agentIds: agentIdsOf(caller), words, embedding });
    },
    async deleteMemory(caller, memoryId, once) {
      await runOnce(context, caller, once, { input: memoryId, run: (bound) => deleteMemory(bound, caller, memoryId) });
    },
  };
}

/** Null where the embedding model does not answer. It is of no turn, and metered as the calls are that callers make of models themselves. */
async function embedQuery(context: GatewayContext, { organizationId, principalId }: Caller, query: string): Promise<Embedding | null> {
  const { directUsage, clock, embeddingModel } = context;
  const call = meterDirect(directUsage, clock, { organizationId, principalId, route: "memory.list", requestId: newId<string>() });
  call.tries(embeddingModel);
  const [embedding = null] = await embedTexts(context, {
    texts: [query],
    signal: new AbortController().signal,
    meter: ({ model: _, ...usage }) => call.answers(() => usage),
  });
  call.ends(embedding === null ? "refused" : "answered");
  return embedding;
}
