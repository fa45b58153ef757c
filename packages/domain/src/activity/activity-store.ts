import type { ActivityType } from "@parley/contracts";

/** What an onlooker may see of an organization's activity. */
export interface ActivityView {
  organizationId: string;
  /** Null: of all agents, and what is about none. */
  agentIds: string[] | null;
  types: ActivityType[];
  withContent: boolean;
}

export interface StoredActivity {
  id: number;
  type: ActivityType;
  agentId: string | null;
  conversationId: string | null;
  at: string;
  /** Without any content. */
  data: Record<string, unknown>;
  /** Where its content is: the event's data, or the message; null where it is gone, has none, or is not wanted. */
  source: Record<string, unknown> | null;
}

export interface ActivityPage {
  items: StoredActivity[];
  /** The last number that was looked at. */
  through: number;
  /** The oldest that is kept; beyond the head where none is. */
  first: number;
  head: number;
}

export interface ActivityStore {
  /** Looks at `limit` rows after that number, and answers those that may be seen. */
  read(view: ActivityView, part: { after: number; limit: number }): Promise<ActivityPage>;
  /** The newest, oldest first. */
  newest(view: ActivityView, limit: number): Promise<StoredActivity[]>;
  /** The newest number of each organization that has one, in one statement. */
  heads(organizationIds: string[]): Promise<Map<string, number>>;
}

/** What the relay may do, across organizations. */
export interface RelayStore {
  /** Whether this worker holds the office for the next `holdMs`. */
  holdOffice(office: string, worker: string, holdMs: number): Promise<boolean>;
  /** Numbers what has been committed since; never twice, whoever asks. */
  relay(kept: { rowsMax: number; days: number }): Promise<{ organizations: string[]; more: boolean }>;
}
