import { dollarsToMicros, GatewayError, type Voucher } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { ProvedVoucher } from "./purchase.ts";
import type { SignedVoucher } from "./vouchers.ts";

/** How long before its end a voucher may be shown: nobody keeps a signature that is good for ever. */
const AHEAD_SECONDS_MAX = 86_400;

interface Use {
  sessionId: string;
  /** Lower case. */
  wallet: string;
  plugin: string;
  amountMicros: number;
}

/** Throws `voucher_failed` unless the session's wallet has signed for exactly this, and it is still good. */
export async function checkVoucher({ voucherSigner, clock }: GatewayContext, voucher: Voucher, use: Use): Promise<ProvedVoucher> {
  const { sessionId, plugin, amountMicros, wallet } = use;
  const { nonce, expires, cumulative } = voucher;
  const nowSeconds = clock.now() / 1_000;
  if (expires <= nowSeconds || expires > nowSeconds + AHEAD_SECONDS_MAX) {
    throw new GatewayError("voucher_failed", { text: "The voucher has expired, or is good for more than a day." });
  }
  if ((nonce === undefined) === (cumulative === undefined)) {
    throw new GatewayError("voucher_failed", { text: "A voucher has a nonce or a total." });
  }
  const signedMicros = cumulative === undefined ? null : dollarsToMicros(cumulative);
  const signed: SignedVoucher =
    signedMicros === null
      ? { kind: "call", sessionId, plugin, amountMicros, nonce: nonce ?? "", expires }
      : { kind: "total", sessionId, cumulativeMicros: signedMicros, expires };
  if ((await voucherSigner(signed, voucher.signature)) !== wallet) {
    throw new GatewayError("voucher_failed", { text: "The voucher is not signed by the session's wallet." });
  }
  return { signature: voucher.signature, nonce: nonce ?? null, signedMicros: signedMicros ?? amountMicros };
}
