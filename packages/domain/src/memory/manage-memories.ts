import { GatewayError, newId } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import type { UsageLine } from "../turn/turn-store.ts";
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
      const embedding = query === undefined ? null : await embedQuery(context, caller.organizationId, query);
      return memories.list(caller.organizationId, { ...filter, agentIds: agentIdsOf(caller), words, embedding });
    },
    async deleteMemory(caller, memoryId, once) {
      await runOnce(context, caller, once, { input: memoryId, run: (bound) => deleteMemory(bound, caller, memoryId) });
    },
  };
}

/** Null where the embedding model does not answer. What it used stands under an id of the search's own: it is of no conversation. */
async function embedQuery(context: GatewayContext, organizationId: string, query: string): Promise<Embedding | null> {
  const id = newId<string>();
  const usage: UsageLine[] = [];
  const [embedding = null] = await embedTexts(context, {
    texts: [query],
    signal: new AbortController().signal,
    meter: ({ model, modelCalls: _, ...tokens }) =>
      usage.push({ turnId: id, executionId: id, attempt: 1, step: 0, try: usage.length, model, ...tokens }),
  });
  if (usage.length > 0) await context.usage.recordBeside({ organizationId, conversationId: id }, usage);
  return embedding;
}
