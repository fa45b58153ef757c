import type { Page, WebhookDelivery, WebhookEndpoint } from "@parley/contracts";
import type { DueWebhook, WebhookOutbox, WebhookStore } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

type Listed<Item> = Pick<Page<Item>, "items" | "total">;

export const createWebhookStore = (sql: Sql): WebhookStore => ({
  create: (endpoint) => call<WebhookEndpoint>(sql, "create_webhook_endpoint", endpoint),

  change: (change) => call<WebhookEndpoint | null>(sql, "change_webhook_endpoint", change),

  async list(organizationId, { page, perPage, callerAgentIds }) {
    const filter = { organizationId, callerAgentIds, offset: (page - 1) * perPage, limit: perPage };
    return { ...(await call<Listed<WebhookEndpoint>>(sql, "list_webhook_endpoints", filter)), page, perPage };
  },

  delete: (key) => call<boolean>(sql, "delete_webhook_endpoint", key),

  async deliveries(organizationId, { endpointId, state = null, callerAgentIds, page, perPage }) {
    const filter = { organizationId, endpointId, state, callerAgentIds, offset: (page - 1) * perPage, limit: perPage };
    const found = await call<Listed<WebhookDelivery> | null>(sql, "list_webhook_deliveries", filter);
    return found === null ? null : { ...found, page, perPage };
  },

  replay: (key) => call<WebhookDelivery | null>(sql, "replay_webhook", key),

  record: (record) => call<boolean>(sql, "record_webhook", record),
});

/** Over a connection of the sweep's own role. */
export const createWebhookOutbox = (sql: Sql): WebhookOutbox => ({
  async take({ eachMax, totalMax, leaseMs, busy }) {
    const rows = await guarded(
      sql<{ taken: DueWebhook[] }[]>`
        select take_webhooks(${eachMax}, ${totalMax}, ${leaseMs}, ${JSON.stringify(busy)}::text::jsonb) as taken`,
    );
    return first(rows).taken;
  },
});
