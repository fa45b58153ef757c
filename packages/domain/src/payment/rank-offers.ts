import type { OfferedMethod } from "./chain-payments.ts";

/** One entry of `Accept-Payment`. */
export interface AcceptedPayment {
  /** `*` stands for any. */
  method: string;
  intent: string;
  /** From 0, not at all, to 1. */
  weight: number;
}

interface Wish {
  depth: number;
  weight: number;
}

/** The entry that says most about a method; where two say as much, the one that likes it better. */
function wishFor(offered: OfferedMethod, accepted: readonly AcceptedPayment[]): Wish | null {
  const [method = "", intent = ""] = offered.split("/");
  let found: Wish | null = null;
  for (const entry of accepted) {
    if ((entry.method !== "*" && entry.method !== method) || (entry.intent !== "*" && entry.intent !== intent)) continue;
    const depth = Number(entry.method !== "*") + Number(entry.intent !== "*");
    const { weight } = entry;
    if (found === null || depth > found.depth || (depth === found.depth && weight > found.weight)) found = { depth, weight };
  }
  return found;
}

/**
 * What a payer accepts of what is offered, liked best first, else in our own order. Where it accepts nothing of it, all of it: whoever must pay is told how.
 */
export function rankOffers(offered: readonly OfferedMethod[], accepted: readonly AcceptedPayment[] | null): OfferedMethod[] {
  if (accepted === null) return [...offered];
  const liked = offered
    .map((method) => ({ method, weight: wishFor(method, accepted)?.weight ?? 0 }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ method }) => method);
  return liked.length === 0 ? [...offered] : liked;
}
