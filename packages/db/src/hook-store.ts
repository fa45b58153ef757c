import type { Page } from "@parley/contracts";
import type { HookLock, HookStore, StoredHook, WaitingDelivery } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

type Listed = Pick<Page<StoredHook>, "items" | "total">;

export const createHookStore = (sql: Sql): HookStore => ({
  async lock(hookId) {
    const rows = await guarded(sql<{ answer: HookLock | null }[]>`select find_hook(${hookId}) as answer`);
    return first(rows).answer;
  },

  create: (hook) => call<StoredHook>(sql, "create_hook", hook),

  change: (change) => call<StoredHook | null>(sql, "change_hook", change),

  async find(organizationId, id) {
    const { items } = await call<Listed>(sql, "list_hooks", { organizationId, id, offset: 0, limit: 1 });
    return items[0] ?? null;
  },

  async list(organizationId, { page, perPage }, agentIds) {
    const found = await call<Listed>(sql, "list_hooks", {
      ...{ organizationId, agentIds, offset: (page - 1) * perPage, limit: perPage },
    });
    return { ...found, page, perPage };
  },

  delete: (organizationId, id) => call<boolean>(sql, "delete_hook", { organizationId, id }),

  receive: (delivery) => call<Awaited<ReturnType<HookStore["receive"]>>>(sql, "receive_hook", delivery),

  waiting: (key) => call<WaitingDelivery | null>(sql, "read_hook_delivery", key),

  async finish(key, error) {
    await call(sql, "finish_hook_delivery", { ...key, error });
  },
});
