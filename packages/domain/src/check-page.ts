import { GatewayError, type Limits } from "@parley/contracts";

/** Throws `invalid_input` where a page is asked for that is longer than pages may be. */
export function checkPage({ perPage }: { perPage: number }, { pageMax }: Limits): void {
  if (perPage <= pageMax) return;
  throw new GatewayError("invalid_input", { issues: [{ path: ["perPage"], code: "too_big", message: `At most ${pageMax}.` }] });
}
