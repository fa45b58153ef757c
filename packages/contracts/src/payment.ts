import { z } from "zod";

const MICROS_PER_DOLLAR = 1_000_000;
export const MICROS_PER_CENT = 10_000;

/** Dollars as people write them: digits, and at most six behind the point. No sign, no exponent, no blank. */
const DOLLARS = /^(?:0|[1-9]\d{0,8})(?:\.\d{1,6})?$/;

/** Micro-units of an amount in dollars; null for whatever is not exactly one. */
export function dollarsToMicros(text: string): number | null {
  if (!DOLLARS.test(text)) return null;
  const [whole = "0", part = ""] = text.split(".");
  return Number(whole) * MICROS_PER_DOLLAR + Number(part.padEnd(6, "0"));
}

/** The other way round, with at least two digits behind the point and nothing lost. */
export function microsToDollars(micros: number): string {
  const whole = Math.trunc(Math.abs(micros) / MICROS_PER_DOLLAR);
  const part = String(Math.abs(micros) % MICROS_PER_DOLLAR).padStart(6, "0");
  return `${micros < 0 ? "-" : ""}${whole}.${part.slice(0, 2)}${part.slice(2).replace(/0+$/, "")}`;
}

/** What is sold by the call, as its address and its price name it. */
export const pluginName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "must be the name of a plugin");

/** What the operator sells credits in: cents of a pack. */
export const checkoutInput = z.object({
  /** The name of a plugin: as many credits as one call of it, or as Stripe takes at the least. */
  plugin: pluginName.optional(),
  /** Cents of one of the packs. */
  pack: z
    .string()
    .regex(/^[1-9]\d{0,6}$/, "must be the cents of a pack")
    .optional(),
});
export type CheckoutInput = z.infer<typeof checkoutInput>;

/** A checkout that a payer comes back from. */
export const checkoutName = z.object({ sessionId: z.string().regex(/^cs_[A-Za-z0-9_]{1,200}$/, "must be the id of a checkout") });
export type CheckoutName = z.infer<typeof checkoutName>;

/** `open`: it is not paid yet, or its money takes its time. `expired` and `failed` are ends: nothing was paid. */
export const checkoutState = z.enum(["paid", "open", "expired", "failed"]);
export type CheckoutState = z.infer<typeof checkoutState>;

/** What is sold by the month, as settings and payers name it. */
export const planName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "must be the name of a plan");
export const subscribeInput = z.object({ plan: planName });
export type Subscribe = z.infer<typeof subscribeInput>;

/** What is sold by the month. */
export interface Plan {
  name: string;
  /** Of one month, in micro-units. */
  priceMicros: number;
  /** What each paid month gives. */
  creditMicros: number;
}

/** An organization's plan, as the payment service told of it last. */
export interface Subscription {
  plan: string;
  /** In the payment service's words: `active`, `past_due`, `unpaid`, `paused` and others. */
  status: string;
  /** Of the month that is paid. */
  endsAt: string | null;
  /** It is not paid on after that. */
  cancelsAtEnd: boolean;
}

export interface PlanInvoice {
  id: string;
  plan: string;
  paidMicros: number;
  creditMicros: number;
  paidAt: string;
}

export interface Plans {
  plans: Plan[];
  /** What credits are sold in at once; a pack's name is its cents. */
  packs: { pack: string; priceMicros: number; creditMicros: number }[];
  /** The newest that has not ended; null: there is none. */
  subscription: Subscription | null;
  /** All that have not ended, newest first: each is paid by the month, and gives its credits. More than one there is only where two were begun in another way. */
  subscriptions: Subscription[];
  /** Paid ones, the newest dozen. */
  invoices: PlanInvoice[];
}

/** Where to pay. */
export interface Checkout {
  url: string;
  sessionId: string;
  expiresAt: string;
}

const DEPOSIT_MIN_MICROS = 1_000_000;
export const DEPOSIT_MAX_MICROS = 100_000_000;

/** An amount in dollars as micro-units; whatever is not exactly one is refused. */
const deposit = z.string().transform((text, context) => {
  const micros = dollarsToMicros(text);
  const problem =
    micros === null
      ? "Must be dollars such as 10.00."
      : micros < DEPOSIT_MIN_MICROS
        ? "Minimum deposit is $1.00"
        : micros > DEPOSIT_MAX_MICROS
          ? "Maximum deposit is $100.00"
          : null;
  if (micros !== null && problem === null) return micros;
  context.addIssue({ code: "custom", message: problem ?? "" });
  return z.NEVER;
});

/** Whatever its case, one wallet is one wallet. */
export const walletAddress = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be a wallet's address")
  .toLowerCase();
export const walletSessionId = z.string().regex(/^ses_[0-9a-f]{24}$/, "must be a session's id");

export const walletsInput = z.object({ address: walletAddress });
export const walletInput = z.object({ sessionId: walletSessionId });
export const openWalletInput = z.object({ address: walletAddress, deposit });
export type OpenWallet = z.infer<typeof openWalletInput>;
export const topUpWalletInput = z.object({ sessionId: walletSessionId, deposit });
export type TopUpWallet = z.infer<typeof topUpWalletInput>;

/** What a wallet signs: for one call, by a nonce that is good once, or for all of them up to a total, which may be shown again and again. */
export const voucher = z.object({
  signature: z.string().regex(/^0x[0-9a-fA-F]{130,2000}$/, "must be a signature in hex"),
  nonce: z
    .string()
    .regex(/^[\x21-\x7e]{1,100}$/, "must be 1 to 100 visible characters")
    .optional(),
  /** Seconds since 1970. */
  expires: z.int().positive().max(253_402_300_799),
  /** The total in dollars, instead of a nonce. */
  cumulative: z
    .string()
    .refine((text) => dollarsToMicros(text) !== null, "Must be dollars such as 0.25.")
    .optional(),
});
export type Voucher = z.infer<typeof voucher>;
export const takeVoucherInput = voucher.extend({ sessionId: walletSessionId, userAddress: walletAddress, plugin: pluginName });
export type TakeVoucher = z.infer<typeof takeVoucherInput>;

/** A wallet's session, in micro-units. */
export interface WalletSession {
  id: string;
  organizationId: string;
  wallet: string;
  depositMicros: number;
  reservedMicros: number;
  spentMicros: number;
  returnedMicros: number;
  /** `closing`: nothing more is bought with it, and something is under way. `expired`: closed, because nobody has used it. */
  status: "active" | "closing" | "closed" | "expired";
  createdAt: string;
  closedAt: string | null;
  /** The newest fifty. */
  vouchers: { id: string; nonce: string | null; plugin: string; amountMicros: number; state: string; createdAt: string }[];
}
