import type { Hook, HookBody, Page, PageQuery } from "@parley/contracts";

export type StoredHook = Omit<Hook, "url">;

/** A hook as the one who checks signatures needs it. */
export interface HookLock extends StoredHook {
  /** Sealed; the newest first. */
  secrets: string[];
  salt: string;
}

export interface HookDeliveryKey {
  organizationId: string;
  id: string;
}

/** What a delivery is to become. */
export interface NewHookDelivery extends HookDeliveryKey {
  hookId: string;
  /** As its sender named it. */
  deliveryId: string;
  mappingId: string | null;
  agentId: string;
  conversationId: string;
  text: string;
  answer: HookAnswer;
  waitingMax: number;
}

/** What a sender is told, the first time and each time after it. */
export interface HookAnswer {
  received: true;
  mapping: string | null;
  delivery: string;
}

export interface WaitingDelivery extends HookDeliveryKey {
  hookId: string;
  agentId: string;
  conversationId: string;
  text: string;
  ageMs: number;
}

export interface HookStore {
  /** Of whatever organization. */
  lock(hookId: string): Promise<HookLock | null>;
  /** Throws `limit_reached`. */
  create(hook: { organizationId: string; id: string; body: HookBody; secret: string; max: number }): Promise<StoredHook>;
  /** Null where there is none. A new secret leaves the one before good for a while. */
  change(change: {
    organizationId: string;
    id: string;
    body?: Partial<HookBody>;
    secret?: string;
    overlapSeconds?: number;
  }): Promise<StoredHook | null>;
  find(organizationId: string, hookId: string): Promise<StoredHook | null>;
  /** Those whose mappings name no other agents than these; null: all. */
  list(organizationId: string, page: PageQuery, agentIds: readonly string[] | null): Promise<Page<StoredHook>>;
  delete(organizationId: string, hookId: string): Promise<boolean>;
  /** Once per hook and name. Throws `too_many_deliveries`. */
  receive(delivery: NewHookDelivery): Promise<{ answer: HookAnswer; isNew: boolean }>;
  /** Null where it is no message to be. */
  waiting(key: HookDeliveryKey): Promise<WaitingDelivery | null>;
  /** `error` null: it became a message. */
  finish(key: HookDeliveryKey, error: string | null): Promise<void>;
}
