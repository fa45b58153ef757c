import { GatewayError, type Hook, type HookMapping, type NewHook, newHookId } from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import { checkPage } from "../check-page.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import type { Vault } from "../identity/vault.ts";
import type { StoredHook } from "./hook-store.ts";
import type { HookUseCases } from "./hook-use-cases.ts";

type ManageHooks = Omit<HookUseCases, "receiveHook">;

/** Where a hook's secret opens. */
export const hookPlace = (organizationId: string, hookId: string): string => `hook ${organizationId} ${hookId}`;

export function vaultOf({ vault }: Pick<GatewayContext, "vault">): Vault {
  if (vault === null) throw new GatewayError("secrets_not_configured");
  return vault;
}

/** Ways in for webhooks. A key for some agents sees and changes those whose mappings name no others. */
export function manageHooks(context: GatewayContext): ManageHooks {
  const shown = (hook: StoredHook): Hook => ({ ...hook, url: `${context.publicUrl ?? ""}/hooks/${hook.id}` });

  async function checkAgents(bound: GatewayContext, caller: Caller, mappings: HookMapping[]): Promise<void> {
    for (const agentId of new Set(mappings.map((mapping) => mapping.agentId))) await findAgent(bound, caller, agentId, undefined);
  }

  async function find(bound: GatewayContext, caller: Caller, hookId: string): Promise<StoredHook> {
    const hook = await bound.hooks.find(caller.organizationId, hookId);
    if (hook === null || !hook.mappings.every(({ agentId }) => mayUseAgent(caller, agentId))) throw new GatewayError("not_found");
    return hook;
  }

  const there = (hook: StoredHook | null): StoredHook => {
    if (hook === null) throw new GatewayError("not_found");
    return hook;
  };

  return {
    createHook: (caller, input, once) =>
      runOnce(context, caller, once, {
        input,
        async run(bound): Promise<NewHook> {
          const { organizationId } = caller;
          const { secret: given, ...body } = input;
          const vault = vaultOf(bound);
          await checkAgents(bound, caller, body.mappings);
          const id = newHookId();
          const secret = given ?? vault.newSecret();
          const sealed = vault.seal(secret, hookPlace(organizationId, id));
          return { ...shown(await bound.hooks.create({ organizationId, id, body, secret: sealed, max: bound.limits.hooksMax })), secret };
        },
        keep: (hook) => ({ ...hook, secret: null }),
      }),

    async listHooks(caller, page) {
      checkPage(page, context.limits);
      const { organizationId, agentIds } = caller;
      const hooks = await context.hooks.list(organizationId, page, agentIds === null ? null : [...agentIds]);
      return { ...hooks, items: hooks.items.map(shown) };
    },

    changeHook: (caller, { hookId: id, ...changes }, once) =>
      runOnce(context, caller, once, {
        input: { id, changes },
        async run(bound) {
          await find(bound, caller, id);
          await checkAgents(bound, caller, changes.mappings ?? []);
          const body = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
          return shown(there(await bound.hooks.change({ organizationId: caller.organizationId, id, body })));
        },
      }),

    rotateHook: (caller, { hookId: id, overlapSeconds }, once) =>
      runOnce(context, caller, once, {
        input: { id, overlapSeconds },
        async run(bound): Promise<NewHook> {
          const { organizationId } = caller;
          const vault = vaultOf(bound);
          await find(bound, caller, id);
          const secret = vault.newSecret();
          const sealed = vault.seal(secret, hookPlace(organizationId, id));
          return { ...shown(there(await bound.hooks.change({ organizationId, id, secret: sealed, overlapSeconds }))), secret };
        },
        keep: (hook) => ({ ...hook, secret: null }),
      }),

    async deleteHook(caller, hookId, once) {
      await runOnce(context, caller, once, {
        input: hookId,
        async run(bound) {
          await find(bound, caller, hookId);
          await bound.hooks.delete(caller.organizationId, hookId);
          return {};
        },
      });
    },
  };
}
