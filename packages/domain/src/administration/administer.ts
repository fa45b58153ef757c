import { GatewayError, type WaitingApproval } from "@parley/contracts";
import { conversationKey } from "../conversation/conversation-key.ts";
import { toCard } from "../conversation/to-card.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { jobPayload } from "../turn/kick.ts";
import type { StoredCard } from "../turn/stored-card.ts";
import type { Administration } from "./administration.ts";
import type { Onlooker } from "./administration-store.ts";

const onlookerOf = ({ organizationId, agentIds }: Caller): Onlooker => ({ organizationId, agentIds: agentIds && [...agentIds] });

function known<Thing>(thing: Thing | null): Thing {
  if (thing === null) throw new GatewayError("not_found");
  return thing;
}

function checkAgent(caller: Caller, agentId: string | undefined): void {
  if (agentId !== undefined && !mayUseAgent(caller, agentId)) throw new GatewayError("not_found");
}

/** Binds what is seen and done across conversations. */
export function administer(context: GatewayContext): Administration {
  const { administration: store, limits } = context;
  return {
    changeOnce: (caller, once, { input, run }) => runOnce(context, caller, once, { input, run }),

    async listSessions(caller, filter) {
      checkAgent(caller, filter.agentId);
      return store.listSessions(onlookerOf(caller), filter);
    },
    getSession: async (caller, conversationId) => known(await store.findSession(onlookerOf(caller), conversationId)),
    readMessages: async (caller, input) =>
      known(await store.readMessages(onlookerOf(caller), { ...input, bytesMax: limits.threadBytesMax })),
    searchMessages: (caller, { query, role = null, limit }) => store.searchMessages(onlookerOf(caller), { query, role, limit }),
    orderCompaction: (caller, conversationId, once) =>
      runOnce(context, caller, once, { input: conversationId, run: (bound) => orderCompaction(bound, caller, conversationId) }),

    async listApprovals(caller, part) {
      const { items, total } = await store.listApprovals(onlookerOf(caller), part);
      return { items: items.map(toApproval), total };
    },
    findCard: async (caller, cardId) => known(await store.findCard(onlookerOf(caller), cardId)),

    listRuns: (caller, filter) => store.listRuns(onlookerOf(caller), filter),
    async readUsage(caller, filter) {
      checkAgent(caller, filter.agentId);
      return store.readUsage(onlookerOf(caller), filter);
    },

    async listMemories(caller, filter) {
      checkAgent(caller, filter.agentId);
      return store.listMemories(onlookerOf(caller), filter);
    },
    getMemory: async (caller, memoryId) => known(await store.findMemory(onlookerOf(caller), memoryId)),
    async memoryFigures(caller, { agentId }) {
      checkAgent(caller, agentId);
      return store.memoryFigures(onlookerOf(caller), { agentId: agentId ?? null });
    },
    async forgetMemories(caller, which, once) {
      checkAgent(caller, which.agentId);
      const { memoryIds = null, agentId = null } = which;
      const run = async ({ memories }: GatewayContext) => ({
        forgotten: await memories.forget(onlookerOf(caller), { memoryIds, agentId }),
      });
      return runOnce(context, caller, once, { input: which, run });
    },
  };
}

/** The row is what counts; the order is only a nudge. */
async function orderCompaction(context: GatewayContext, caller: Caller, conversationId: string): Promise<{ conversationId: string }> {
  const { executions, compactions, queue, log } = context;
  const key = await conversationKey(context, caller, conversationId);
  const root = known(await executions.find(caller.organizationId, conversationId));
  if (root.conversationId !== conversationId) throw new GatewayError("not_found");
  await compactions.mark(key);
  await queue.enqueue("conversation.compact", jobPayload(key)).catch((error: unknown) => {
    log.warn({ err: error, conversationId }, "compaction order not delivered; the sweep will give it again");
  });
  return { conversationId };
}

function toApproval({ conversationId, ...stored }: StoredCard & { conversationId: string }): WaitingApproval {
  const card = toCard(stored as StoredCard);
  if (card.kind !== "approval") throw new GatewayError("internal", { detail: "a card of another kind among approvals" });
  return { ...card, conversationId };
}
