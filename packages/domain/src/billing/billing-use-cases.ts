import type {
  BillingAccount,
  BillingMode,
  Booked,
  Budget,
  Charge,
  ChargesQuery,
  CreditInput,
  LedgerCheck,
  LedgerEntry,
  ListCharges,
  ListEntries,
  ListPayments,
  ListPrices,
  Page,
  PageQuery,
  Part,
  Payment,
  Price,
  SetBudget,
  SetPrice,
  Statement,
  StatementQuery,
} from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";

/** Money. What takes an organization instead of a caller is for the operator. */
export interface BillingUseCases {
  setBillingMode(input: { organizationId: string; mode: BillingMode }, once?: Once): Promise<BillingAccount>;
  /** Gives an organization money of the operator's own, once for each reference. */
  grantCredits(input: CreditInput, once?: Once): Promise<Booked>;
  /** Gives, or takes back where it is below zero, once for each reference: what was given by mistake, or a refund that its bank has refused. */
  correctCredits(input: CreditInput, once?: Once): Promise<Booked>;
  /** Whether the organization's books are in order. */
  checkLedger(organizationId: string): Promise<LedgerCheck>;
  setPrice(input: SetPrice, once?: Once): Promise<Price>;

  /** Whether the caller's organization has anything left for models, as far as can be said before a call: nothing is held by it. */
  hasRoom(caller: Caller): Promise<boolean>;

  /** What the caller's organization has and owes. */
  readAccount(caller: Caller): Promise<BillingAccount>;
  listPrices(caller: Caller, filter: ListPrices): Promise<Page<Price>>;
  /** One for each scope, subject and period: another with the same changes it. */
  setBudget(caller: Caller, input: SetBudget, once?: Once): Promise<Budget>;
  deleteBudget(caller: Caller, budgetId: string, once?: Once): Promise<void>;
  /** Oldest first. */
  listBudgets(caller: Caller, page: PageQuery): Promise<Page<Budget>>;
  /** What was charged, in groups, the dearest first, days in their order. A key for some agents sees what these have used. */
  readStatement(caller: Caller, query: StatementQuery): Promise<Statement>;
  /** Single charges, oldest first. Throws `invalid_input` for a place that is none. */
  listCharges(caller: Caller, query: ListCharges): Promise<Part<Charge>>;
  /** Every one of them, some at a time. */
  readCharges(caller: Caller, query: ChargesQuery): AsyncIterable<Charge[]>;
  /** What was paid, in whatever way, newest first. Throws `invalid_input` for a place that is none. */
  listPayments(caller: Caller, query: ListPayments): Promise<Part<Payment>>;
  /** Newest first. */
  listEntries(caller: Caller, filter: ListEntries): Promise<Page<LedgerEntry>>;
}
