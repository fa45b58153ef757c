import { z } from "zod";
import { pageInput } from "./conversation.ts";
import { organizationId } from "./ids.ts";
import { moment } from "./moment.ts";
import { keptText, MICROS_MAX, span } from "./money.ts";

const RATE_MAX = 1_000_000_000_000_000;

const micros = z.int().positive().max(MICROS_MAX);
const rate = z.int().min(0).max(RATE_MAX);
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
  reference: keptText(200).min(1),
  note: keptText(500).default(""),
});
export type CreditInput = z.infer<typeof creditInput>;

export const payBackInput = z.object({
  organizationId,
  /** The offer that was paid: what its charge is about. */
  payment: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/),
  /** Of the transfer that paid it back. */
  reference: keptText(200).min(1),
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
  name: keptText(200).min(1),
  /** Pico-units per token: millionths of a micro-unit. Left out, they are 0 beside a rate that is given. */
  inputPico: rate.optional(),
  outputPico: rate.optional(),
  /** Null: as other tokens. */
  cachedPico: rate.nullish(),
  reasoningPico: rate.nullish(),
  /** Per second of sound, per image, per call. */
  audioPico: rate.optional(),
  imagePico: rate.optional(),
  unitPico: rate.optional(),
  /** From then on there is no such price. */
  withdrawn: z.boolean().default(false),
  /** Absent: now. */
  effectiveFrom: moment.optional(),
};
const OF_MODELS = ["inputPico", "outputPico", "cachedPico", "reasoningPico", "audioPico", "imagePico"] as const;
/** Without an organization: everybody's. A price that no rate is given of would be one of 0, and so would one whose rates its kind does not use. */
export const setPriceInput = z
  .object({ organizationId: organizationId.optional(), ...priceFields })
  .refine((price) => price.withdrawn || [...OF_MODELS, "unitPico" as const].some((name) => typeof price[name] === "number"), {
    message: "A price has a rate: what costs nothing has one of 0.",
  })
  .refine((price) => price.kind === "model" || OF_MODELS.every((name) => typeof price[name] !== "number"), {
    message: "A plugin, an agent or a peer has a price by the call: unit_pico, and no other rate.",
  });
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

/** Lists of money take no filter that they do not know: without it they would give figures that look right. */
export const listPricesInput = z.strictObject({ ...pageInput.shape, kind: priceKind.optional(), name: keptText(200).optional() });
export type ListPrices = z.infer<typeof listPricesInput>;

export const ledgerAccount = z.enum(["customer", "revenue", "house", "credits", "clearing", "sessions"]);
export const listEntriesInput = z.strictObject({
  ...pageInput.shape,
  ...span,
  account: ledgerAccount.optional(),
  /** What an entry is for: `usage`, `purchase`, `payment`, `card` and others. */
  sourceType: keptText(40).optional(),
  sourceId: keptText(320).optional(),
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
