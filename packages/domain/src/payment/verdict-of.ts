import type { Verified } from "./chain-payments.ts";

/** What was found, as the challenge notes it. */
export const verdictOf = (verified: Verified) =>
  verified.outcome === "refused" ? ({ outcome: verified.isAbsent ? "absent" : "refused" } as const) : verified;
