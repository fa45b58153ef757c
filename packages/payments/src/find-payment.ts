import type { FoundPayment } from "@parley/domain";
import type Stripe from "stripe";
import { ownerIn } from "./owner-in.ts";
import { payerOfInvoice } from "./plan-event.ts";
import { CREDITS } from "./stripe-event.ts";

/** Null where Stripe knows nothing by that name. */
export async function unlessMissing<Answer>(asking: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "resource_missing") return null;
    throw error;
  }
}

/** What a payment is for: its own metadata say so, or those of the subscription whose invoice it pays. Null where it is for none of what we sell. */
export async function findPayment(stripe: Stripe, paymentId: string): Promise<FoundPayment | null> {
  const intent = await unlessMissing(stripe.paymentIntents.retrieve(paymentId));
  if (intent === null) return null;
  if (ownerIn(intent.metadata, CREDITS) !== null) return { kind: "credits" };
  const challengeId = intent.metadata["mpp_challenge_id"];
  if (challengeId !== undefined) return { kind: "call", challengeId };
  const payment = { type: "payment_intent" as const, payment_intent: paymentId };
  const { data } = await stripe.invoicePayments.list({ payment, expand: ["data.invoice"] });
  for (const { invoice } of data) {
    if (typeof invoice === "string" || "deleted" in invoice) continue;
    const organizationId = payerOfInvoice(invoice);
    if (organizationId !== null && invoice.id !== undefined) return { kind: "plan", organizationId, invoiceId: invoice.id };
  }
  return null;
}
