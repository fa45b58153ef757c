import type { EgressFetch } from "@parley/egress";
import type Stripe from "stripe";
import { loadOnce } from "./load-once.ts";
import type { PaymentSettings } from "./settings.ts";

const TIMEOUT_MS = 20_000;
const RETRIES = 2;

/** Stripe, over our own way out. Null where there is no key for it. */
export function openStripe(settings: PaymentSettings, fetch: EgressFetch): (() => Promise<Stripe>) | null {
  const { STRIPE_SECRET_KEY: key, STRIPE_API_URL: address } = settings;
  if (key === undefined) return null;
  const { protocol, hostname, port } = new URL(address);
  return loadOnce(async () => {
    const { Stripe } = await import("stripe");
    return new Stripe(key, {
      httpClient: Stripe.createFetchHttpClient(fetch as typeof globalThis.fetch),
      protocol: protocol === "http:" ? "http" : "https",
      host: hostname,
      port: port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
      timeout: TIMEOUT_MS,
      maxNetworkRetries: RETRIES,
      telemetry: false,
    });
  });
}
