import { z } from "zod";
import { pageInput } from "./conversation.ts";
import { organizationId } from "./ids.ts";
import { isMoment, moment } from "./moment.ts";
import { queried } from "./row-number.ts";

/** Micro-units of the one currency that there is; far below what a number holds exactly, so that sums are exact, too. */
const MICROS_MAX = 1_000_000_000_000_000;
const RATE_MAX = 1_000_000_000_000_000;

const micros = z.int().positive().max(MICROS_MAX);
const rate = z.int().min(0).max(RATE_MAX);
/** Postgres keeps no NUL, and half a surrogate pair is no text. */
const text = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .refine((value) => value.isWellFormed() && !value.includes("\0"), "Not a text.");

export const billingSettings = z.object({
  /** What becomes of calls of models that have no price but the fallback: they are charged by it and marked, or refused. */
  BILLING_UNPRICED: z.enum(["flag", "refuse"]).default("flag"),
});

/** `postpaid`: everything is charged, nothing refused. `prepaid`: what is used has to be there first. */
export const billingMode = z.enum(["postpaid", "prepaid"]);
export type BillingMode = z.infer<typeof billingMode>;
export const setModeInput = z.object({ organizationId, mode: billingMode });

export const creditInput = z.object({
  organizationId,
  amountMicros: micros,
  /** What the money is for; a credit under the same name is given once, however often it is asked for. */
  reference: text(200).min(1),
  note: text(500).default(""),
});
export type CreditInput = z.infer<typeof creditInput>;

export const payBackInput = z.object({
  organizationId,
  /** The offer that was paid: what its charge is about. */
  payment: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/),
  /** Of the transfer that paid it back. */
  reference: text(200).min(1),
});
export type PayBackInput = z.infer<typeof payBackInput>;

/** What is put right by hand: above zero it is given, below zero taken back. */
export const correctionInput = creditInput.extend({
  amountMicros: z
    .int()
    .min(-MICROS_MAX)
    .max(MICROS_MAX)
    .refine((value) => value !== 0, "must not be 0"),
});

/** What an organization has and owes, in micro-units. */
export interface BillingAccount {
  organizationId: string;
  mode: BillingMode;
  /** Above zero it has so much left; below zero it owes it. */
  balanceMicros: number;
  /** Set aside for what is under way. */
  heldMicros: number;
  /** Every account of its ledger. */
  accounts: Record<string, number>;
}

/** `done` false: it had been done before. */
export interface Booked {
  done: boolean;
  account: BillingAccount;
}

export const priceKind = z.enum(["model", "plugin", "agent", "peer"]);
const priceFields = {
  kind: priceKind,
  /** A name, or the beginning of names and `*`; `*` alone is the fallback. */
  name: text(200).min(1),
  /** Pico-units per token: millionths of a micro-unit. */
  inputPico: rate.default(0),
  outputPico: rate.default(0),
  /** Null: as other tokens. */
  cachedPico: rate.nullable().default(null),
  reasoningPico: rate.nullable().default(null),
  /** Per second of sound, per image, per call. */
  audioPico: rate.default(0),
  imagePico: rate.default(0),
  unitPico: rate.default(0),
  /** From then on there is no such price. */
  withdrawn: z.boolean().default(false),
  /** Absent: now. */
  effectiveFrom: moment.optional(),
};
/** Without an organization: everybody's. */
export const setPriceInput = z.object({ organizationId: organizationId.optional(), ...priceFields });
export type SetPrice = z.infer<typeof setPriceInput>;

export interface Price {
  id: string;
  /** The organization's own; else everybody's. */
  own: boolean;
  kind: z.infer<typeof priceKind>;
  name: string;
  inputPico: number;
  outputPico: number;
  cachedPico: number | null;
  reasoningPico: number | null;
  audioPico: number;
  imagePico: number;
  unitPico: number;
  withdrawn: boolean;
  effectiveFrom: string;
  createdAt: string;
}

export const listPricesInput = pageInput.extend({ kind: priceKind.optional(), name: text(200).optional() });
export type ListPrices = z.infer<typeof listPricesInput>;

export const budgetScope = z.enum(["organization", "key", "agent", "user"]);
export const budgetPeriod = z.enum(["day", "month", "total"]);
export const setBudgetInput = z
  .object({
    scope: budgetScope,
    /** The key's id, the agent's, or what users are called; of the organization's own budget empty. */
    subject: text(320).default(""),
    /** In UTC. */
    period: budgetPeriod,
    limitMicros: z.int().min(0).max(MICROS_MAX),
    /** Told when so much of it is spent. */
    alertPercent: z.int().min(1).max(100).default(80),
    /** Stops what would go beyond it; else it only tells. */
    hard: z.boolean().default(true),
  })
  .refine(({ scope, subject }) => (scope === "organization") === (subject === ""), {
    message: "A key, an agent or a user is named; the organization is not.",
    path: ["subject"],
  });
export type SetBudget = z.infer<typeof setBudgetInput>;
export const budgetInput = z.object({ budgetId: z.guid().toLowerCase() });

/** A budget, and how it stands in its period of now. */
export interface Budget {
  id: string;
  scope: z.infer<typeof budgetScope>;
  subject: string;
  period: z.infer<typeof budgetPeriod>;
  limitMicros: number;
  alertPercent: number;
  hard: boolean;
  createdAt: string;
  /** The first day of the period. */
  startsOn: string;
  spentMicros: number;
  heldMicros: number;
  alertedAt: string | null;
  reachedAt: string | null;
}

/** What amounts are in: a million micro-units are one. */
export const CURRENCY = "usd";

/** A moment, or a day, which begins in UTC. */
const bound = z.union([
  moment,
  z.iso
    .date()
    .refine(isMoment, "is no day that can be kept")
    .transform((day) => `${day}T00:00:00Z`),
]);

/**
 * What has refused money: the organization's balance, or one of its budgets, as it stood then. The figures of its budget for all of the organization are
 * those's who see its budgets, and not told to whoever calls.
 */
export type RefusedBy =
  | { kind: "balance" }
  | { kind: "budget"; scope: Budget["scope"]; period: Budget["period"]; limitMicros?: number; spentMicros?: number };

/** From then on and before then; each may be left open. */
const span = { from: bound.optional(), to: bound.optional() };
/** Whose charges, and of what; each may be left open. */
const chosen = {
  key: text(320).optional(),
  agent: z.guid().toLowerCase().optional(),
  model: text(320).optional(),
  user: text(320).optional(),
  /** What one turn has used, also one that was sold. */
  turn: z.guid().toLowerCase().optional(),
};
export const statementInput = z.object({ ...span, ...chosen, by: z.enum(["day", "key", "agent", "model", "user"]).optional() });
export type StatementQuery = z.infer<typeof statementInput>;

export const chargePayer = z.enum(["customer", "house", "outside"]);
export const chargesInput = z.object({
  ...span,
  ...chosen,
  payer: chargePayer.optional(),
  transactionId: z.guid().toLowerCase().optional(),
});
export type ChargesQuery = z.infer<typeof chargesInput>;

const PART_MAX = 200;
/** A part of a list that goes on after a place; what `next` says is the next one. */
const part = {
  after: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,600}$/, "must be what `next` has said")
    .optional(),
  limit: queried(z.int().min(1).max(PART_MAX)).default(100),
};
export const listChargesInput = chargesInput.extend(part);
export type ListCharges = z.infer<typeof listChargesInput>;

export const paymentKind = z.enum(["call", "offer", "channel", "card"]);
export const listPaymentsInput = z.object({
  ...part,
  kind: paymentKind.optional(),
  /** Of its kind, as the payment's own row has it. */
  state: text(40).optional(),
  /** An id, a transaction's hash, a payment by card, a session, or a receipt of one. */
  reference: text(320).min(1).optional(),
});
export type ListPayments = z.infer<typeof listPaymentsInput>;

/** Money for one call or more of them, in whatever way it was paid. */
export interface Payment {
  /** `call`: by credits, in a session or a channel; `offer`: by what was shown for an offer; `channel`: what one has spent; `card`: a payment by card. */
  kind: z.infer<typeof paymentKind>;
  id: string;
  method: string;
  plugin: string | null;
  state: string;
  amountMicros: number;
  /** The key, or who else has paid. */
  payer: string | null;
  /** The transaction's hash, or the payment by card. */
  reference: string | null;
  sessionId: string | null;
  nonce: string | null;
  createdAt: string;
  changedAt: string;
}

/** Some of a list, and where it goes on; null: that was all. */
export interface Part<Item> {
  items: Item[];
  next: string | null;
}

/** What was charged, in one group. */
export interface StatementLine {
  /** The day, key, agent, model or user; null for what has none, and for all of it. */
  name: string | null;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  /** Sound, where its provider counts no tokens of it, and pictures. */
  audioMs: number;
  images: number;
  amountMicros: number;
  /** Of them counted by us, priced by the fallback, and not priced at all. */
  estimatedCalls: number;
  assumedCalls: number;
  unpricedCalls: number;
}

/** What was charged in groups, the dearest first, days in their order; and all of it. */
export interface Statement {
  currency: typeof CURRENCY;
  items: StatementLine[];
  /** Of all groups, also of those that are left out. */
  total: StatementLine;
  /** So many groups more there are: what is asked for has to be narrower. */
  leftOut: number;
}

/** One use of a model, one call of a peer, one run of an agent that has a price, or one call that was sold; and what it was charged. */
export interface Charge {
  at: string;
  /** `refund`: what a card was given back of a call that it had paid for, below zero. */
  sourceType: "turn" | "direct" | "peer" | "agent" | "plugin" | "refund";
  sourceId: string;
  /** Of the ledger; null where it has cost nothing. */
  transactionId: string | null;
  /** `outside`: somebody has paid for that one call, and the organization has not. */
  payer: z.infer<typeof chargePayer>;
  amountMicros: number;
  priceId: string | null;
  assumed: boolean;
  principalId: string | null;
  agentId: string | null;
  userId: string | null;
  conversationId: string | null;
  turnId: string | null;
  /** The model's name, `peer/<name>`, `agent/<id>` or `plugin/<name>`. */
  model: string;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  estimated: boolean;
  audioMs: number;
  images: number;
  /** By what the peer's own row in the registry said. */
  registered: boolean;
}

export const ledgerAccount = z.enum(["customer", "revenue", "house", "credits", "clearing", "sessions"]);
export const listEntriesInput = pageInput.extend({
  ...span,
  account: ledgerAccount.optional(),
  /** What an entry is for: `usage`, `purchase`, `payment`, `card` and others. */
  sourceType: text(40).optional(),
  sourceId: text(320).optional(),
  transactionId: z.guid().toLowerCase().optional(),
});
export type ListEntries = z.infer<typeof listEntriesInput>;

export interface LedgerEntry {
  id: number;
  transactionId: string;
  account: z.infer<typeof ledgerAccount>;
  amountMicros: number;
  sourceType: string;
  sourceId: string;
  note: string;
  at: string;
}

/** Whether the books of an organization are in order, as of one moment. */
export interface LedgerCheck {
  ok: boolean;
  sumMicros: number;
  heldMicros: number;
  entries: number;
  problems: string[];
}
