import type { SignedEvent } from "./told-events.ts";

/** A checkout as the server keeps it. */
export interface KeptCheckout {
  id: string;
  paymentIntent: string;
  customer: string;
  mode: string;
  /** It is paid by the month. */
  months: boolean;
  amountCents: number;
  metadata: Record<string, string>;
  ownerId: string;
  isPaid: boolean;
  /** How it ended without money: nobody came in time, or a payment that took its time was refused (`complete`). */
  end: "expired" | "complete" | null;
}

/** A charge of a token that a payer has shared: `spt_declined` and `spt_action` are not charged. */
export interface KeptCharge {
  id: string;
  token: string;
  amountCents: number;
  status: "succeeded" | "requires_action";
  metadata: Record<string, string>;
  refundedCents: number;
  /** What is disputed, or was lost. While there is something, Stripe gives nothing back. */
  disputedCents: number;
}

/** What may be refunded or disputed. */
export interface Payable {
  paymentIntent: string;
  amountCents: number;
  metadata: Record<string, string>;
}

export interface InvoiceFacts {
  id: string;
  type?: "invoice.paid" | "invoice.payment_succeeded" | "invoice.payment_failed";
  reason?: string;
  agoSeconds?: number;
}

export interface StripeServer {
  url: string;
  /** `host:port`, as allow-lists name it. */
  host: string;
  key: string;
  webhookSecret: string;
  checkouts: Map<string, KeptCheckout>;
  /** Method and path, in order. */
  requests: string[];
  /** Charges of shared tokens, by their ids. */
  charges: Map<string, KeptCharge>;
  /** The next so many requests are answered 500. */
  failNext: number;
  /** Refunds are answered 500. */
  refusesRefunds: boolean;
  /** Refunds are refused: there is no money for them just now. */
  declinesRefunds: boolean;
  /** The idempotency keys of refunds, in order: a payment's by its id. */
  refundKeys: { paymentIntent: string; key: string }[];
  /** The next so many are done, and their answers lost. */
  loseNext: number;
  /** The payer pays; what Stripe tells of it. `later`: it takes its time, and is told of twice. */
  pay(checkoutId: string, how?: "now" | "later"): SignedEvent[];
  /** Cents that go back, as a total; of a checkout, an invoice or a charge, by its id. */
  refund(id: string, totalCents: number): SignedEvent;
  /** One dispute of the whole of such a payment; others of it by their name, over a part of it. */
  dispute(id: string, outcome: "open" | "won" | "lost", part?: { name: string; cents: number }): SignedEvent;
  /** What has become of the subscription that a checkout began, as of so many seconds ago. */
  subscription(checkoutId: string, step: "created" | "updated" | "deleted", status: string, agoSeconds?: number): SignedEvent;
  /** One month of it, or of what else `reason` names; told under the name that is given. */
  invoice(checkoutId: string, invoice: InvoiceFacts): SignedEvent;
  /** Any event, signed as of so many seconds ago. Each that is made here is listed, whether it is told or not. */
  event(type: string, object: object, agoSeconds?: number): SignedEvent;
  /** It is listed no more. */
  forgetEvent(id: string): void;
  close(): Promise<void>;
}
