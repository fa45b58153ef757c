import type {
  BillingAccount,
  BillingMode,
  Booked,
  Budget,
  Charge,
  ChargesQuery,
  LedgerCheck,
  LedgerEntry,
  ListEntries,
  Listed,
  ListPayments,
  Payment,
  Price,
  RefusedBy,
  SetBudget,
  SetPrice,
  Statement,
  StatementQuery,
} from "@parley/contracts";

export interface PostedUsage {
  posted: number;
  /** Organizations that may have more that is due; null where there are none. */
  more: string[] | null;
  /** Usage that was looked at again and cannot be recorded. */
  setAside: { organizationId: string; id: string; kind: string; trouble: string }[];
}

export interface Credit {
  organizationId: string;
  amountMicros: number;
  /** What the ledger knows it by: the same is never booked twice. */
  sourceType: string;
  sourceId: string;
  note: string;
}

export interface HoldKey {
  organizationId: string;
  /** The turn's id, or that of the record that a call will leave. */
  id: string;
  kind: "turn" | "call";
  /** Whose budgets it counts against. */
  principalId: string | null;
  agentId: string | null;
  userId: string | null;
}

/** What is to be set aside: an amount, or what so many tokens of a model cost. */
export interface Growth {
  /** This has to be there. */
  firmMicros?: number;
  model?: string;
  inputTokens?: number;
  firmOutputTokens?: number;
  audioMs?: number;
  images?: number;
  /** What the price takes for each call. */
  calls?: number;
  /** Of this slice only a beginning has to be there. */
  sliceTokens?: number;
  /** Held already, and free for this. */
  spareMicros?: number;
  /** Models that only the fallback prices get nothing. */
  refuseUnpriced?: boolean;
}

export type Grown =
  /** `neededMicros`: all that was asked for; `addedMicros`: what of it was not spare. */
  | { outcome: "granted"; addedMicros: number; neededMicros: number; price: Price | null }
  /** `mayWait`: others hold money that they may let go of. */
  | { outcome: "refused"; mayWait: boolean; by: RefusedBy }
  | { outcome: "unpriced" };

/** Whose charges are looked at: of these agents, or of all of the organization's. */
interface Onlooker {
  organizationId: string;
  agentIds: string[] | null;
}

/** Where a charge stands among all of them: its time, as exact as it is kept. */
export interface ChargePlace {
  at: string;
  sourceId: string;
}

export interface BillingStore {
  account(organizationId: string): Promise<BillingAccount>;
  setMode(organizationId: string, mode: BillingMode): Promise<BillingAccount>;
  /** Whether calls of the organization need a hold. */
  needsHolds(organizationId: string): Promise<boolean>;
  /** Whether the balance, and each hard budget that covers the key's calls, has anything left that nobody holds. */
  hasRoom(key: { organizationId: string; principalId: string }): Promise<boolean>;
  /** Gives the operator's own money, or takes it back. */
  credit(credit: Credit): Promise<Booked>;

  grow(key: HoldKey, growth: Growth): Promise<Grown>;
  /** What an earlier attempt of a turn holds, and has used of it. */
  pending(key: { organizationId: string; turnId: string }): Promise<{ heldMicros: number; usedMicros: number }>;
  /** Whether there was such a hold. */
  release(key: { organizationId: string; id: string }): Promise<boolean>;
  /** Charges at most so many lines of what these have used, all of it or nothing; safe to call twice and at the same time. */
  post(organizationIds: readonly string[], bounds: { rowsMax: number; callKeptMs: number }): Promise<PostedUsage>;

  setPrice(price: SetPrice, max: number): Promise<Price>;
  listPrices(organizationId: string, filter: { kind?: string | undefined; name?: string | undefined } & Part): Promise<Listed<Price>>;
  /** Null where it has none. */
  findPrice(organizationId: string, what: { kind: Price["kind"]; name: string }): Promise<Price | null>;

  setBudget(organizationId: string, budget: SetBudget & { id: string }, max: number): Promise<Budget>;
  deleteBudget(organizationId: string, budgetId: string): Promise<boolean>;
  listBudgets(organizationId: string, part: Part): Promise<Listed<Budget>>;

  statement(onlooker: Onlooker, query: StatementQuery & { limit: number }): Promise<Omit<Statement, "currency">>;
  /** Oldest first, from after a place; `next`: the place of the last one, where there are more. */
  charges(
    onlooker: Onlooker,
    query: ChargesQuery & { after: ChargePlace | null; limit: number },
  ): Promise<{ items: Charge[]; next: ChargePlace | null }>;
  /** Newest first, from after a place. */
  payments(
    organizationId: string,
    query: Omit<ListPayments, "after"> & { after: ChargePlace | null },
  ): Promise<{ items: Payment[]; next: ChargePlace | null }>;
  entries(organizationId: string, filter: Omit<ListEntries, "page" | "perPage"> & Part): Promise<Listed<LedgerEntry>>;
  check(organizationId: string): Promise<LedgerCheck>;
}

interface Part {
  offset: number;
  limit: number;
}
