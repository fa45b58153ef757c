import { randomBytes } from "node:crypto";
import { z } from "zod";
import { pageInput } from "./conversation.ts";
import type { EventType } from "./events.ts";
import { overlapSeconds } from "./hook.ts";
import { webAddress } from "./web-address.ts";

export const endpointId = z.string().regex(/^whe_[0-9a-f]{24}$/, "is the id of no endpoint");
export const newEndpointId = (): string => `whe_${randomBytes(12).toString("hex")}`;

/** The facts of a conversation's log that endpoints are told, under the names that they have there. */
const LOG_EVENTS = [
  "turn.completed",
  "turn.failed",
  "turn.stopped",
  "turn.paused",
  "card.opened",
  "card.closed",
  "child.finished",
] as const satisfies EventType[];

/** And of the organization: another endpoint was switched off, a budget has come near its limit or reached it. */
export const WEBHOOK_EVENTS = [...LOG_EVENTS, "webhook.disabled", "budget.alert"] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

const endpointFields = {
  url: webAddress,
  description: z.string().max(500),
  events: z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length),
  /** What was said, asked and answered, too. Only for those who may read conversations. */
  includeContent: z.boolean(),
};

export const createEndpointInput = z.object({
  url: endpointFields.url,
  description: endpointFields.description.default(""),
  events: endpointFields.events,
  includeContent: endpointFields.includeContent.default(false),
});
export type CreateEndpoint = z.infer<typeof createEndpointInput>;

export const changeEndpointInput = z.object({ endpointId, ...z.object(endpointFields).partial().shape, enabled: z.boolean().optional() });
export type ChangeEndpoint = z.infer<typeof changeEndpointInput>;

export const rotateEndpointInput = z.object({ endpointId, overlapSeconds });
export const endpointInput = z.object({ endpointId });

export const WEBHOOK_STATES = ["pending", "delivered", "failed"] as const;
export const listDeliveriesInput = pageInput.extend({ endpointId, state: z.enum(WEBHOOK_STATES).optional() });
export type ListDeliveries = z.infer<typeof listDeliveriesInput>;
export const deliveryInput = z.object({ deliveryId: z.guid().toLowerCase() });

export interface WebhookEndpoint {
  id: string;
  organizationId: string;
  url: string;
  description: string;
  events: WebhookEvent[];
  /** Null: the events of all agents. */
  agentIds: string[] | null;
  includeContent: boolean;
  /** Tries in a row that failed, and since when. */
  failures: number;
  failingSince: string | null;
  disabledAt: string | null;
  disabledReason: "by_hand" | "failing" | "gone" | null;
  createdAt: string;
}

/** The only time that the secret is shown; null where a call is repeated. */
export interface NewWebhookEndpoint extends WebhookEndpoint {
  secret: string | null;
}

/** One event owed to one endpoint, and what came of it. */
export interface WebhookDelivery {
  /** Sent as `webhook-id`, each time the same. */
  id: string;
  endpointId: string;
  type: WebhookEvent;
  state: (typeof WEBHOOK_STATES)[number];
  attempts: number;
  /** The last twenty tries. `error` says why there was no status. */
  log: { at: string; status: number | null; error: string | null; durationMs: number }[];
  /** Null for those who may not read conversations. */
  payload: unknown;
  dueAt: string | null;
  createdAt: string;
  endedAt: string | null;
}
