import { GatewayError, grants, type NewWebhookEndpoint, newEndpointId, type WebhookDelivery } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { vaultOf } from "../hook/manage-hooks.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import type { WebhookUseCases } from "./webhook-use-cases.ts";

/** Where an endpoint's secret opens. */
export const endpointPlace = (organizationId: string, endpointId: string): string => `endpoint ${organizationId} ${endpointId}`;

const agentIdsOf = (caller: Caller): string[] | null => (caller.agentIds === null ? null : [...caller.agentIds]);
const keyOf = (caller: Caller, id: string) => ({ organizationId: caller.organizationId, id, callerAgentIds: agentIdsOf(caller) });

function there<Found>(found: Found | null): Found {
  if (found === null) throw new GatewayError("not_found");
  return found;
}

/** What was sent may be what was said. */
const shownTo = ({ scopes }: Caller, delivery: WebhookDelivery): WebhookDelivery =>
  grants(scopes, "conversations:read") ? delivery : { ...delivery, payload: null };

/** Nobody has sent to themselves what they may not read. */
function checkContent(caller: Caller, includeContent: boolean | undefined): void {
  if (includeContent === true && !grants(caller.scopes, "conversations:read")) throw new GatewayError("missing_scope");
}

/** Nor what goes to another already. */
async function checkMove({ webhooks, limits }: GatewayContext, caller: Caller, endpointId: string): Promise<void> {
  if (grants(caller.scopes, "conversations:read")) return;
  const all = { page: 1, perPage: limits.webhookEndpointsMax, callerAgentIds: agentIdsOf(caller) };
  const { items } = await webhooks.list(caller.organizationId, all);
  checkContent(caller, items.find(({ id }) => id === endpointId)?.includeContent);
}

export const manageWebhooks = (context: GatewayContext): WebhookUseCases => ({
  createEndpoint: (caller, input, once) =>
    runOnce(context, caller, once, {
      input,
      async run(bound): Promise<NewWebhookEndpoint> {
        checkContent(caller, input.includeContent);
        const { organizationId } = caller;
        const vault = vaultOf(bound);
        const id = newEndpointId();
        const secret = vault.newSecret();
        const sealed = vault.seal(secret, endpointPlace(organizationId, id));
        const facts = { organizationId, id, agentIds: agentIdsOf(caller), max: bound.limits.webhookEndpointsMax };
        return { ...(await bound.webhooks.create({ ...input, ...facts, secret: sealed })), secret };
      },
      keep: (endpoint) => ({ ...endpoint, secret: null }),
    }),

  async listEndpoints(caller, page) {
    checkPage(page, context.limits);
    return context.webhooks.list(caller.organizationId, { ...page, callerAgentIds: agentIdsOf(caller) });
  },

  changeEndpoint: (caller, input, once) =>
    runOnce(context, caller, once, {
      input,
      async run(bound) {
        checkContent(caller, input.includeContent);
        const { endpointId, ...changes } = input;
        if (changes.url !== undefined) await checkMove(bound, caller, endpointId);
        return there(await bound.webhooks.change({ ...changes, ...keyOf(caller, endpointId) }));
      },
    }),

  rotateEndpoint: (caller, { endpointId, overlapSeconds }, once) =>
    runOnce(context, caller, once, {
      input: { endpointId, overlapSeconds },
      async run(bound): Promise<NewWebhookEndpoint> {
        const vault = vaultOf(bound);
        const secret = vault.newSecret();
        const sealed = vault.seal(secret, endpointPlace(caller.organizationId, endpointId));
        const endpoint = there(await bound.webhooks.change({ ...keyOf(caller, endpointId), secret: sealed, overlapSeconds }));
        return { ...endpoint, secret };
      },
      keep: (endpoint) => ({ ...endpoint, secret: null }),
    }),

  async deleteEndpoint(caller, endpointId, once) {
    await runOnce(context, caller, once, {
      input: endpointId,
      async run(bound) {
        if (!(await bound.webhooks.delete(keyOf(caller, endpointId)))) throw new GatewayError("not_found");
        return {};
      },
    });
  },

  async listDeliveries(caller, filter) {
    checkPage(filter, context.limits);
    const page = there(await context.webhooks.deliveries(caller.organizationId, { ...filter, callerAgentIds: agentIdsOf(caller) }));
    return { ...page, items: page.items.map((delivery) => shownTo(caller, delivery)) };
  },

  replayDelivery: (caller, deliveryId, once) =>
    runOnce(context, caller, once, {
      input: deliveryId,
      run: async (bound) => shownTo(caller, there(await bound.webhooks.replay(keyOf(caller, deliveryId)))),
    }),
});
