import type { ChainPayments } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import type { PaymentSettings } from "./settings.ts";

/** Payments on a chain; null where nobody is to be paid. What they stand on costs a process 0.6 s to load, and is loaded when it is first asked. */
export function createChainPayments(settings: PaymentSettings, fetch: EgressFetch): ChainPayments | null {
  const { MPP_SECRET_KEY: secretKey, MPP_RECIPIENT: recipient, MPP_CURRENCY: currency, MPP_RPC_URL: rpcUrl, MPP_REALM: realm } = settings;
  if (secretKey === undefined || recipient === undefined || rpcUrl === undefined) return null;
  const chainId = settings.PAYMENTS_CHAIN_ID;
  let loading: Promise<ChainPayments> | undefined;
  const loaded = (): Promise<ChainPayments> => {
    loading ??= import("./tempo-payments.ts").then(({ createTempoPayments }) =>
      createTempoPayments({ secretKey, recipient, rpcUrl, currency, realm, chainId }, fetch),
    );
    return loading;
  };
  return {
    offer: async (order) => (await loaded()).offer(order),
    read: async (credential) => (await loaded()).read(credential),
    verify: async (credential, order) => (await loaded()).verify(credential, order),
  };
}
