import { GatewayError } from "@parley/contracts";
import type { CardEvent, CardPayments, PlanEvent } from "./card-payments.ts";
import type { PaymentStore } from "./payment-store.ts";

export interface BookPorts {
  cards: Pick<CardPayments, "findPayment">;
  payments: Pick<PaymentStore, "takeCardEvent" | "takePlanEvent" | "payerOf" | "challengeOwner">;
}

/**
 * Books what an event of the card service changes, once, whichever way it has come; null changes nothing. Throws `storage_unavailable` where it is about something of ours
 * that is not here yet: told again later, it finds it.
 */
export async function bookCardEvent({ cards, payments }: BookPorts, event: CardEvent | PlanEvent | null): Promise<void> {
  if (event === null) return;
  if ("planFact" in event) {
    const { planFact, ...facts } = event;
    await payments.takePlanEvent({ ...facts, ...planFact });
    return;
  }
  const { fact, paymentId } = event;
  const named = "organizationId" in fact ? fact.organizationId : null;
  const owner = named ?? (await payments.payerOf(paymentId));
  if (owner !== null) {
    await payments.takeCardEvent(owner, event);
    return;
  }
  const found = await cards.findPayment(paymentId);
  if (found === null) return;
  if (found.kind === "plan") {
    const { organizationId, invoiceId } = found;
    await payments.takeCardEvent(organizationId, { ...event, invoiceId });
    return;
  }
  // Another gateway of the same account has sold it.
  if (found.kind === "call" && (await payments.challengeOwner(found.challengeId)) === null) return;
  throw new GatewayError("storage_unavailable", { detail: `nobody knows the payment ${paymentId} yet` });
}
