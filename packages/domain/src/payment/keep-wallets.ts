import {
  DEPOSIT_MAX_MICROS,
  GatewayError,
  isGatewayError,
  microsToDollars,
  newId,
  newSessionId,
  type OpenWallet,
  type TakeVoucher,
  type TopUpWallet,
  type WalletSession,
} from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Once } from "../idempotency/repeat-store.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { wholeOf } from "../identity/whole-of.ts";
import { checkVoucher } from "./check-voucher.ts";
import { QUIET_MS } from "./hold-purchase.ts";
import type { SessionFunds, SessionReservation } from "./payment-store.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import { priceOfPlugin } from "./plugin-price.ts";
import type { ProvedVoucher } from "./purchase.ts";
import { untilHeard } from "./say-alive.ts";

const LISTED_MAX = 100;

type WalletUseCases = Pick<PaymentUseCases, "openWallet" | "topUpWallet" | "listWallets" | "getWallet" | "closeWallet" | "takeVoucher">;

const fundsOf = ({ devFunding }: GatewayContext): SessionFunds => (devFunding ? "credits" : "customer");

const ownOf = (caller: Caller, id: string) => ({ organizationId: wholeOf(caller), id });

const refuseMore = (error: unknown): never => {
  if (!isGatewayError(error, "limit_reached")) throw error;
  throw new GatewayError("limit_reached", { text: `A session has at most $${microsToDollars(DEPOSIT_MAX_MICROS)} left at any time.` });
};

const bad = (text: string): GatewayError => new GatewayError("bad_request", { text });

/** A wallet shows what it signed to one that has no key of it: one call is paid, at its price. */
async function takeVoucher(context: GatewayContext, input: TakeVoucher, once?: Once) {
  const { sessionId, userAddress: wallet, plugin } = input;
  const organizationId = await context.payments.sessionOwner({ sessionId, wallet });
  if (organizationId === null) throw bad("Session not found");
  const amountMicros = await priceOfPlugin(context, organizationId, plugin);
  if (amountMicros === null) throw bad(`Unknown plugin: ${plugin}`);
  const proof = await checkVoucher(context, input, { sessionId, wallet, plugin, amountMicros });
  const use = { organizationId, sessionId, wallet, plugin, amountMicros };
  return runOnce(context, { organizationId, principalId: `wallet:${wallet}` }, once, { input, run: (bound) => payOne(bound, use, proof) });
}

type SessionUse = Pick<SessionReservation, "organizationId" | "sessionId" | "wallet" | "plugin" | "amountMicros">;

async function payOne(context: GatewayContext, use: SessionUse, { nonce, signature, signedMicros }: ProvedVoucher) {
  const { organizationId, sessionId, amountMicros } = use;
  const id = newId<string>();
  const used = nonce ?? id;
  const reserved = await context.payments.reserveInSession({
    ...{ ...use, id, signature, nonce: used, signedMicros: nonce === null ? signedMicros : null },
    ...{ callKey: null, quietMs: QUIET_MS },
  });
  if (reserved.outcome === "invalid") throw bad("Session not found");
  if (reserved.outcome === "insufficient") throw bad("Insufficient balance");
  if (reserved.outcome === "used" && reserved.underWay) throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
  if (reserved.outcome !== "reserved") throw new GatewayError("voucher_failed");
  const isPaid = await untilHeard(context.clock, () => context.payments.endPurchase({ organizationId, id, capture: true }));
  if (!isPaid) throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
  const [session] = await context.payments.listSessions(organizationId, { id: sessionId, limit: 1 });
  if (session === undefined) throw new GatewayError("internal", { detail: "a session that paid is not there" });
  return { session, amountMicros, receipt: `session:${sessionId}:${used}` };
}

/** Sessions of wallets: money of an organization's that is set aside for one wallet's calls. */
export function keepWallets(context: GatewayContext): WalletUseCases {
  const known = (session: WalletSession | null | undefined): WalletSession => {
    if (session === null || session === undefined) throw new GatewayError("not_found", { text: "Session not found" });
    return session;
  };

  return {
    openWallet: (caller, input: OpenWallet, once) =>
      runOnce(context, caller, once, {
        input,
        run: async ({ payments }) =>
          payments.openSession({
            ...{ organizationId: wholeOf(caller), principalId: caller.principalId, id: newSessionId() },
            ...{ wallet: input.address, depositMicros: input.deposit, from: fundsOf(context) },
          }),
      }),

    topUpWallet: (caller, input: TopUpWallet, once) =>
      runOnce(context, caller, once, {
        input,
        run: async ({ payments }) => {
          const own = ownOf(caller, input.sessionId);
          const amounts = { depositMicros: input.deposit, depositMaxMicros: DEPOSIT_MAX_MICROS };
          return known(
            await payments.topUpSession({ ...own, ...amounts, step: newId<string>(), from: fundsOf(context) }).catch(refuseMore),
          );
        },
      }),

    listWallets: async (caller, wallet) => context.payments.listSessions(wholeOf(caller), { wallet, limit: LISTED_MAX }),

    async getWallet(caller, id) {
      const [session] = await context.payments.listSessions(wholeOf(caller), { id, limit: 1 });
      return known(session);
    },

    closeWallet: (caller, id, once) =>
      runOnce(context, caller, once, {
        input: id,
        run: async ({ payments }) => known(await payments.closeSession(ownOf(caller, id))),
      }),

    takeVoucher: (input, once) => takeVoucher(context, input, once),
  };
}
