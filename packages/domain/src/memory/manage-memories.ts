import { GatewayError, type MemoryId, newId, type StoreMemory } from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import { holdEmbedding } from "../billing/hold-model.ts";
import { meterDirect } from "../billing/meter-direct.ts";
import { estimateEmbedding } from "../billing/meter-embedding.ts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { embedTexts } from "./embed-texts.ts";
import { memoryPlace } from "./memory-places.ts";
import type { Embedding } from "./memory-store.ts";
import { searchWords } from "./search-words.ts";

const agentIdsOf = (caller: Caller): string[] | null => (caller.agentIds === null ? null : [...caller.agentIds]);

/** What is remembered, to be looked at and to be forgotten. A key for some agents sees what these have learned. */
export function manageMemories(context: GatewayContext): Pick<Gateway, "listMemories" | "storeMemory" | "deleteMemory"> {
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
      const embedding = query === undefined ? null : await embedOne(context, caller, { text: query, route: "memory.list" });
      return memories.list(caller.organizationId, { ...filter, agentIds: agentIdsOf(caller), words, embedding });
    },
    async storeMemory(caller, input, once) {
      const { memoryCharsMax } = limits;
      if (input.text.length > memoryCharsMax) {
        const message = `At most ${memoryCharsMax} characters.`;
        throw new GatewayError("invalid_input", { issues: [{ path: ["text"], code: "too_big", message }] });
      }
      await findAgent(context, caller, input.agentId);
      // Before the transaction, which waits for no model.
      const embedding = await embedOne(context, caller, { text: input.text, route: "memory.store" });
      return runOnce(context, caller, once, { input, run: (bound) => storeMemory(bound, caller, { ...input, embedding }) });
    },
    async deleteMemory(caller, memoryId, once) {
      await runOnce(context, caller, once, { input: memoryId, run: (bound) => deleteMemory(bound, caller, memoryId) });
    },
  };
}

async function storeMemory(
  { memories, limits }: GatewayContext,
  { organizationId }: Caller,
  { agentId, text, scope, trust, embedding }: StoreMemory & { embedding: Embedding | null },
): Promise<{ id: string }> {
  const place = memoryPlace(scope, { organizationId, agentId, userEmail: null });
  if (place === null) throw new GatewayError("invalid_input", { detail: "a scope without a place" });
  const said = { id: newId<MemoryId>(), agentId, text, tainted: trust === "external", conversationId: null, turnNumber: null };
  return { id: await memories.store(organizationId, { ...said, ...place, embedding }, limits.memoriesPerScopeMax) };
}

/** Null where the embedding model does not answer, or there is no money for it. It is of no turn, and metered as the calls are that callers make of models themselves. */
async function embedOne(
  context: GatewayContext,
  { organizationId, principalId }: Caller,
  { text, route }: { text: string; route: string },
): Promise<Embedding | null> {
  const { directUsage, clock, embeddingModel } = context;
  const id = crypto.randomUUID();
  const call = meterDirect(directUsage, clock, {
    ...{ id, model: embeddingModel, organizationId, principalId, userId: null },
    ...{ route, requestId: newId<string>() },
    assumed: () => estimateEmbedding(embeddingModel, [text]),
  });
  const purse = await context.purses({ organizationId, principalId, id });
  const embed = purse === null ? context.embed : holdEmbedding(context.embed, embeddingModel, purse);
  const [embedding = null] = await embedTexts(
    { ...context, embed },
    {
      texts: [text],
      signal: new AbortController().signal,
      use: {
        onCall: () => call.tries(embeddingModel),
        meter({ model: _, ...usage }) {
          if (usage.modelCalls > 0) call.answers(() => usage);
        },
      },
    },
  );
  call.ends(embedding === null ? "refused" : "answered");
  return embedding;
}
