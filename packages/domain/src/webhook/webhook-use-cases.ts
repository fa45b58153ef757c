import type {
  ChangeEndpoint,
  CreateEndpoint,
  ListDeliveries,
  NewWebhookEndpoint,
  Page,
  PageQuery,
  WebhookDelivery,
  WebhookEndpoint,
} from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";

/** The endpoints of the caller's organization. A key for some agents has endpoints for these, and sees no others. */
export interface WebhookUseCases {
  /** The secret is shown once. Throws `secrets_not_configured`, `limit_reached`; `missing_scope` for content that the caller may not read. */
  createEndpoint(caller: Caller, input: CreateEndpoint, once?: Once): Promise<NewWebhookEndpoint>;
  /** Oldest first. */
  listEndpoints(caller: Caller, page: PageQuery): Promise<Page<WebhookEndpoint>>;
  /** One that was switched off is switched on again with `enabled`, and is sent what it is still owed. */
  changeEndpoint(caller: Caller, input: ChangeEndpoint, once?: Once): Promise<WebhookEndpoint>;
  /** Deliveries bear both signatures for as long as the secret of before is good. */
  rotateEndpoint(caller: Caller, input: { endpointId: string; overlapSeconds: number }, once?: Once): Promise<NewWebhookEndpoint>;
  deleteEndpoint(caller: Caller, endpointId: string, once?: Once): Promise<void>;
  /** What an endpoint was sent, newest first. */
  listDeliveries(caller: Caller, filter: ListDeliveries): Promise<Page<WebhookDelivery>>;
  /** Sends one again, under the same id. */
  replayDelivery(caller: Caller, deliveryId: string, once?: Once): Promise<WebhookDelivery>;
}
