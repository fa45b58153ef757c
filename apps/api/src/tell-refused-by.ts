import type { GatewayError, RefusedBy } from "@parley/contracts";
import type { Response } from "express";

/**
 * Says which balance or budget has refused, on whatever door: `x-refused-by` is `balance`, or `budget;scope=key;period=day`. Gives what stands in the body
 * besides, its amounts in micro-units.
 */
export function tellRefusedBy(response: Response, { refusedBy }: GatewayError): { refusedBy?: RefusedBy } {
  if (refusedBy === undefined) return {};
  const word = refusedBy.kind === "balance" ? "balance" : `budget;scope=${refusedBy.scope};period=${refusedBy.period}`;
  response.setHeader("x-refused-by", word);
  return { refusedBy };
}
