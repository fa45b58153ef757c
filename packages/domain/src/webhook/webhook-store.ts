import type { ListDeliveries, Page, PageQuery, WebhookDelivery, WebhookEndpoint, WebhookEvent } from "@parley/contracts";

interface EndpointKey {
  organizationId: string;
  id: string;
  /** Null: endpoints for whatever agents. */
  callerAgentIds: string[] | null;
}

interface NewEndpoint {
  organizationId: string;
  id: string;
  url: string;
  description: string;
  events: WebhookEvent[];
  agentIds: string[] | null;
  includeContent: boolean;
  /** Sealed. */
  secret: string;
  max: number;
}

interface EndpointChange extends EndpointKey {
  url?: string | undefined;
  description?: string | undefined;
  events?: WebhookEvent[] | undefined;
  includeContent?: boolean | undefined;
  enabled?: boolean | undefined;
  /** Sealed; the one before stays good for a while. */
  secret?: string;
  overlapSeconds?: number;
}

/** How a try ended. */
export interface WebhookRecord {
  organizationId: string;
  id: string;
  /** Which try it was: another one's end counts for nothing. */
  attempt: number;
  outcome: "delivered" | "retry" | "failed";
  status: number | null;
  error: string | null;
  durationMs: number;
  /** Until the next try. */
  delayMs: number;
  /** The endpoint says that it is there no more. */
  isGone: boolean;
  failingDays: number;
  failuresMax: number;
}

/** The endpoints of organizations, and what they are owed. */
export interface WebhookStore {
  /** Throws `limit_reached`. */
  create(endpoint: NewEndpoint): Promise<WebhookEndpoint>;
  /** Null where there is none. */
  change(change: EndpointChange): Promise<WebhookEndpoint | null>;
  list(organizationId: string, page: PageQuery & { callerAgentIds: string[] | null }): Promise<Page<WebhookEndpoint>>;
  delete(key: EndpointKey): Promise<boolean>;
  /** Newest first; null where there is no such endpoint. */
  deliveries(organizationId: string, filter: ListDeliveries & { callerAgentIds: string[] | null }): Promise<Page<WebhookDelivery> | null>;
  /** Null where there is none. Throws `webhook_disabled`. */
  replay(key: EndpointKey): Promise<WebhookDelivery | null>;
  /** True where it has switched the endpoint off. */
  record(record: WebhookRecord): Promise<boolean>;
}

/** One try that is due. */
export interface DueWebhook {
  id: string;
  organizationId: string;
  endpointId: string;
  attempt: number;
  payload: unknown;
  url: string;
  /** Sealed; the newest first. */
  secrets: string[];
}

/** What the workers take of it, across organizations. */
export interface WebhookOutbox {
  /** Tries that are due, this worker's alone for `leaseMs`. `busy`: how many it has under way, by endpoint. */
  take(options: { eachMax: number; totalMax: number; leaseMs: number; busy: Record<string, number> }): Promise<DueWebhook[]>;
}
