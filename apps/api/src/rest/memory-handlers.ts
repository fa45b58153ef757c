import type { Memory } from "@parley/contracts";
import { sendJson } from "../send-json.ts";
import { type Handler, onceOf, onMemory } from "./call.ts";
import { readMemoryFilter } from "./list-query.ts";

const memoryRow = (memory: Memory) => ({
  id: memory.id,
  scope: memory.scope,
  scope_id: memory.scopeId,
  agent_id: memory.agentId,
  text: memory.text,
  tainted: memory.tainted,
  conversation_id: memory.conversationId,
  turn_number: memory.turnNumber,
  created_at: memory.createdAt,
});

/** With `?query=`: what shares words with it, best first; else all, newest first. */
export const listMemories: Handler = async ({ gateway, limits }, call) => {
  const page = await gateway.listMemories(call.caller, readMemoryFilter(call.request.query, limits.pageMax));
  sendJson(call.response, 200, {
    items: page.items.map(memoryRow),
    total: page.total,
    page: page.page,
    per_page: page.perPage,
    total_pages: Math.ceil(page.total / page.perPage),
  });
};

export const deleteMemory: Handler = async ({ gateway }, call) => {
  const id = onMemory(call);
  await gateway.deleteMemory(call.caller, id, onceOf(call));
  sendJson(call.response, 200, { id, deleted: true });
};
