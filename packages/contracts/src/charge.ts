import { z } from "zod";
import { type CURRENCY, keptText, span } from "./money.ts";
import { queried } from "./row-number.ts";
import { userName } from "./user-name.ts";

/** Whose charges, and of what; each may be left open. */
const chosen = {
  key: keptText(320).optional(),
  agent: z.guid().toLowerCase().optional(),
  model: keptText(320).optional(),
  user: keptText(320)
    .transform((said) => userName(said) ?? said)
    .optional(),
  /** What one turn has used, also one that was sold. */
  turn: z.guid().toLowerCase().optional(),
  /** One call that was sold, by its payment's id: its price, what was given back of it, and what its plugin's models have used. */
  sale: keptText(320).optional(),
};
export const statementInput = z.strictObject({ ...span, ...chosen, by: z.enum(["day", "key", "agent", "model", "user"]).optional() });
export type StatementQuery = z.infer<typeof statementInput>;

export const chargePayer = z.enum(["customer", "house", "outside"]);
export const chargesInput = z.strictObject({
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
export const listPaymentsInput = z.strictObject({
  ...part,
  kind: paymentKind.optional(),
  /** Of its kind, as the payment's own row has it. */
  state: keptText(40).optional(),
  /** An id, a transaction's hash, a payment by card, a session, or a receipt of one. */
  reference: keptText(320).min(1).optional(),
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

/** Some of a list of money, and where it goes on; null: that was all. */
export interface Part<Item> {
  currency: typeof CURRENCY;
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
  /** The payment of the call that was sold: of its price, and of what models were asked for it outside of turns. */
  saleId: string | null;
}
