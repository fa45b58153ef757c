import { GatewayError, type RateBucket } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import type { Visitor } from "../context.ts";

/** A visitor with this credential. `counted` gets the bucket of each of its calls. */
export const visitorWith = (gateway: Gateway, credential: string | null, counted: RateBucket[] = []): Visitor => ({
  credential,
  async authenticate() {
    if (credential === null) throw new GatewayError("unauthenticated");
    return gateway.authenticate(credential);
  },
  count: (bucket) => void counted.push(bucket),
  countIn: async () => undefined,
});
