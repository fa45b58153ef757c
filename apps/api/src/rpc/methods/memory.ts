import { agentId, listMemoriesInput, memoryId, memoryScope, storeMemoryInput } from "@parley/contracts";
import { z } from "zod";
import { memoryEntry, memoryFigures } from "../../memory-rows.ts";
import { agentOf } from "../../turn/agent-of.ts";
import { type MethodsOf, method, type RpcCall } from "../method.ts";
import { limitOf, partOf, partShape } from "../part.ts";

const ofAgent = { agent_id: agentId.optional() };
const browseShape = { ...partShape, ...ofAgent, memory_type: memoryScope.optional() };

interface Browse {
  offset: number;
  limit?: number | undefined;
  agent_id?: string | undefined;
  memory_type?: z.output<typeof memoryScope> | undefined;
}

/** Newest first. */
async function browse({ administration, caller, limits }: RpcCall, { offset, agent_id, memory_type, ...wanted }: Browse) {
  const limit = limitOf(wanted.limit, limits);
  const { items, total } = await administration.listMemories(caller, { offset, limit, agentId: agent_id, scope: memory_type });
  return { entries: items.map(memoryEntry), ...partOf({ offset, limit }, { shown: items.length, total }) };
}

export const memory = {
  /** Best first. */
  "memory.search": method(
    { query: z.string().min(1).max(1_000), limit: partShape.limit, ...ofAgent },
    async ({ gateway, caller, limits }, { query, limit, agent_id }) => {
      const filter = listMemoriesInput.parse({ query, perPage: limitOf(limit, limits), agentId: agent_id });
      const { items } = await gateway.listMemories(caller, filter);
      return { results: items.map(memoryEntry) };
    },
  ),

  "memory.inspect": method({ id: memoryId.optional() }, async ({ administration, caller }, { id }) =>
    id === undefined
      ? { stats: memoryFigures(await administration.memoryFigures(caller, {})) }
      : { entry: memoryEntry(await administration.getMemory(caller, id)) },
  ),

  "memory.stats": method(ofAgent, async ({ administration, caller }, { agent_id }) =>
    memoryFigures(await administration.memoryFigures(caller, { agentId: agent_id })),
  ),

  "memory.browse": method(browseShape, browse),

  "memory.export": method(browseShape, browse),

  "memory.store": method(
    {
      content: storeMemoryInput.shape.text,
      agent_id: agentId.optional(),
      memory_type: storeMemoryInput.shape.scope,
      trustLevel: storeMemoryInput.shape.trust,
    },
    async (call, { content, agent_id, memory_type: scope, trustLevel: trust }) => {
      const { gateway, caller, once } = call;
      const agentId = await agentOf(call, { agentId: agent_id });
      const { id } = await gateway.storeMemory(caller, storeMemoryInput.parse({ agentId, text: content, scope, trust }), once);
      return { stored: true, id, agentId };
    },
  ),

  "memory.delete": method({ ids: z.array(memoryId).min(1).max(1_000) }, async ({ administration, caller, once }, { ids }) => {
    const { forgotten } = await administration.forgetMemories(caller, { memoryIds: ids }, once);
    const total = new Set(ids).size;
    return { deleted: forgotten, failed: total - forgotten, total };
  }),

  "memory.flush": method(ofAgent, async ({ administration, caller, once }, { agent_id }) => {
    const { forgotten } = await administration.forgetMemories(caller, { agentId: agent_id }, once);
    return { flushed: true, entriesRemoved: forgotten, scope: { tenantId: caller.organizationId, agentId: agent_id ?? null } };
  }),
} satisfies MethodsOf<"memory">;
