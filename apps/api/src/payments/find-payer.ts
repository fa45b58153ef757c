import { GatewayError, isGatewayError, microsToDollars } from "@parley/contracts";
import type { Caller, Gateway, ReadCredential } from "@parley/domain";
import { askForPayment } from "./ask-for-payment.ts";
import { digestOf } from "./digest-of.ts";
import { guestOf } from "./guest.ts";
import { credentialIn, sessionOf } from "./read-call.ts";
import { type PaidAnswer, PaidRefusal, type Payer, type Sale } from "./sale.ts";

interface PayerFacts {
  gateway: Gateway;
  /** Whose calls are sold to those who have no key; null: nobody's. */
  soldBy: string | null;
}

/** Nobody pays for this request: it only tells of a channel. */
export interface Managed {
  receipt: string;
}

/** Without a body it asks for nothing. */
const isEmpty = ({ request: { headers } }: Sale): boolean =>
  headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0;

/** Who has paid by a credential, with a key or without. */
function payerByCredential({ gateway }: PayerFacts, sale: Sale, caller: Caller | null, shown: Shown): Payer {
  const { organizationId, credential, read } = shown;
  const { name: plugin, body } = sale;
  return {
    caller: caller ?? guestOf(organizationId, "payer:chain"),
    isGuest: caller === null,
    knownBy: "payment",
    async buy() {
      const bought = await gateway.buyWithCredential(organizationId, read, { credential, plugin, digest: digestOf(plugin, body) });
      if (bought.outcome === "refused") throw await askForPayment(gateway, sale, { organizationId, refused: bought });
      return bought.outcome === "answered" ? { answered: bought.answer as PaidAnswer } : bought.purchase;
    },
  };
}

interface Shown {
  organizationId: string;
  credential: string;
  read: ReadCredential | null;
}

async function payerByChannel(
  { gateway }: PayerFacts,
  sale: Sale,
  caller: Caller | null,
  { organizationId, credential, challengeId }: { organizationId: string; credential: string; challengeId: string },
): Promise<Payer | Managed> {
  const { name: plugin } = sale;
  const amountMicros = await gateway.priceOf(organizationId, plugin);
  if (amountMicros === null) throw new GatewayError("unknown_plugin");
  const shown = await gateway.showToChannel(organizationId, { credential, plugin }, { challengeId, amountMicros });
  if (shown.outcome === "refused") throw await askForPayment(gateway, sale, { organizationId, refused: shown });
  const { call, receipt } = shown;
  if (call.action === "close" || call.action === "topUp" || isEmpty(sale)) return { receipt };
  return {
    caller: caller ?? guestOf(organizationId, `payer:${call.payer}`),
    isGuest: caller === null,
    knownBy: "key",
    async buy(priceMicros, under) {
      const bought = await gateway.buyInChannel(organizationId, call, { plugin, amountMicros: priceMicros, under });
      if (bought.outcome === "short") return bought;
      if (bought.outcome === "bought") return bought.purchase;
      const refused = { outcome: "refused", problem: bought.problem, dialect: "mpp", challengeId } as const;
      throw await askForPayment(gateway, sale, { organizationId, refused });
    },
  };
}

async function payerBySession({ gateway }: PayerFacts, { request, name }: Sale, caller: Caller | null): Promise<Payer> {
  // Proved before anything is done in its name: its answers are given again to nobody else.
  const session = await gateway.proveSession(caller, sessionOf(request), name);
  const { organizationId } = session;
  if ("refused" in session) throw new PaidRefusal(session.refused, {}, { seller: organizationId });
  const isGuest = caller?.organizationId !== organizationId;
  return {
    caller: isGuest || caller === null ? guestOf(organizationId, `wallet:${session.wallet}`) : caller,
    isGuest,
    knownBy: "key",
    async buy(amountMicros, under) {
      const sold = await gateway.buyInSession(session, { plugin: name, amountMicros, under });
      if (sold.outcome === "bought") return sold.purchase;
      const { reason, remainingMicros, isFinal } = sold;
      const more =
        remainingMicros === undefined
          ? {}
          : { session: { remaining: microsToDollars(remainingMicros), cost: microsToDollars(amountMicros) } };
      throw new PaidRefusal(reason, more, { isFinal, seller: organizationId });
    },
  };
}

/** Who pays, by the call's method; null where nobody does, and is to be asked. Throws what the door refuses. */
export async function findPayer(facts: PayerFacts, sale: Sale, caller: Caller | null): Promise<Payer | Managed | null> {
  const { gateway, soldBy } = facts;
  if (sale.method === "session") return payerBySession(facts, sale, caller);
  const credential = sale.method === "mpp" ? credentialIn(sale.request) : null;
  const organizationId = caller?.organizationId ?? soldBy;
  if (credential !== null && organizationId !== null) {
    const read = await gateway.readCredential(credential);
    if (read?.method !== "tempo/session") return payerByCredential(facts, sale, caller, { organizationId, credential, read });
    return payerByChannel(facts, sale, caller, { organizationId, credential, challengeId: read.challengeId });
  }
  if (sale.plugin.auth && caller === null) throw new GatewayError("unauthenticated");
  const isUnpaid = sale.method === "mpp" || caller === null;
  if (isUnpaid && (organizationId === null || (await gateway.priceOf(organizationId, sale.name)) !== 0)) return null;
  return payerByCredits(facts, sale, caller ?? guestOf(organizationId ?? "", "guest"), caller === null);
}

/** By its own organization's credits; a guest has only what costs nothing, and is nobody whom another could not be. */
function payerByCredits({ gateway }: PayerFacts, sale: Sale, caller: Caller, isGuest: boolean): Payer {
  return {
    caller,
    isGuest,
    knownBy: isGuest ? "nothing" : "key",
    async buy(amountMicros, under, signal) {
      try {
        return await gateway.buyWithCredits(caller, { plugin: sale.name, amountMicros, under }, signal);
      } catch (error) {
        // Who has used up a budget may pay as much as they like: that changes nothing.
        if (!isGatewayError(error, "budget_exhausted") || error.refusedBy?.kind !== "balance") throw error;
        throw await askForPayment(gateway, sale, { organizationId: caller.organizationId, unpaid: error });
      }
    },
  };
}
