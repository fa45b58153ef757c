import { MICROS_PER_CENT } from "@parley/contracts";
import type { ChainPayments, ChannelPayments, CredentialReader, TokenPayments } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { loadOnce } from "./load-once.ts";
import { openStripe } from "./open-stripe.ts";
import type { PaymentSettings } from "./settings.ts";

/** Stripe charges no less. */
const CENTS_MIN = 50;

function chainOf(settings: PaymentSettings) {
  const { MPP_SECRET_KEY: secretKey, MPP_RECIPIENT: recipient, MPP_CURRENCY: currency, MPP_RPC_URL: rpcUrl, MPP_REALM: realm } = settings;
  if (secretKey === undefined || recipient === undefined || rpcUrl === undefined) return null;
  return { secretKey, recipient, rpcUrl, currency, realm, chainId: settings.PAYMENTS_CHAIN_ID };
}

/** Payments on a chain; null where nobody is to be paid. */
export function createChainPayments(settings: PaymentSettings, fetch: EgressFetch): ChainPayments | null {
  const chain = chainOf(settings);
  if (chain === null) return null;
  const loaded = loadOnce(async () => (await import("./tempo-payments.ts")).createTempoPayments(chain, fetch));
  return {
    offer: async (order) => (await loaded()).offer(order),
    verify: async (credential, order) => (await loaded()).verify(credential, order),
  };
}

/** Payments through channels; null where nobody is to be paid, or nobody could collect. */
export function createChannelPayments(settings: PaymentSettings, fetch: EgressFetch): ChannelPayments | null {
  const chain = chainOf(settings);
  const accountKey = settings.MPP_ACCOUNT_KEY;
  if (chain === null || accountKey === undefined) return null;
  const loaded = loadOnce(async () => (await import("./tempo-channels.ts")).createTempoChannels({ ...chain, accountKey }, fetch));
  return {
    offer: async (order) => (await loaded()).offer(order),
    act: async (credential, order) => (await loaded()).act(credential, order),
    review: async (channelId, order) => (await loaded()).review(channelId, order),
  };
}

/** Single calls by card; null where Stripe shares no tokens with us. */
export function createTokenPayments(settings: PaymentSettings, fetch: EgressFetch): TokenPayments | null {
  const { MPP_SECRET_KEY: secretKey, MPP_REALM: realm, STRIPE_NETWORK_ID: networkId } = settings;
  const stripe = openStripe(settings, fetch);
  if (stripe === null || secretKey === undefined || networkId === undefined) return null;
  const loaded = loadOnce(async () =>
    (await import("./stripe-tokens.ts")).createStripeTokens({ secretKey, realm, networkId }, await stripe()),
  );
  return {
    amountMinMicros: CENTS_MIN * MICROS_PER_CENT,
    offer: async (order) => (await loaded()).offer(order),
    verify: async (credential, order) => (await loaded()).verify(credential, order),
    refund: async (owed) => (await loaded()).refund(owed),
  };
}

export const createCredentialReader = (): CredentialReader => async (credential) =>
  (await import("./read-credential.ts")).readCredential(credential);
