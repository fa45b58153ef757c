import type { Voucher } from "@parley/contracts";
import { expect, it } from "vitest";
import type { GatewayContext } from "../gateway-ports.ts";
import { checkVoucher } from "./check-voucher.ts";
import type { SignedVoucher } from "./vouchers.ts";

const NOW_SECONDS = 1_000_000;
const DAY_SECONDS = 86_400;
const use = { sessionId: "ses_1", wallet: "0xa", plugin: "agent", amountMicros: 50_000 };

async function checked(voucher: Partial<Voucher>, signer: string | null = "0xa") {
  const signed: SignedVoucher[] = [];
  const context = {
    clock: { now: () => NOW_SECONDS * 1_000 },
    async voucherSigner(one: SignedVoucher) {
      signed.push(one);
      return signer;
    },
  } as unknown as GatewayContext;
  const shown = { signature: "0x1", expires: NOW_SECONDS + 60, ...voucher } as Voucher;
  return { proof: await checkVoucher(context, shown, use), signed: signed[0] };
}
const failed = { code: "voucher_failed" };

it("is good until its end, and for no more than a day", async () => {
  for (const expires of [NOW_SECONDS + 1, NOW_SECONDS + DAY_SECONDS]) await checked({ nonce: "n", expires });
  for (const expires of [NOW_SECONDS, NOW_SECONDS - 1, NOW_SECONDS + DAY_SECONDS + 1])
    await expect(checked({ nonce: "n", expires })).rejects.toMatchObject(failed);
});

it("is for one call or a total, not for both and not for neither: what was signed is what is asked for", async () => {
  expect(await checked({ nonce: "n" })).toMatchObject({
    proof: { nonce: "n", signedMicros: 50_000 },
    signed: { kind: "call", sessionId: "ses_1", plugin: "agent", amountMicros: 50_000, nonce: "n", expires: NOW_SECONDS + 60 },
  });
  expect(await checked({ cumulative: "0.12" as never })).toMatchObject({
    proof: { nonce: null, signedMicros: 120_000 },
    signed: { kind: "total", sessionId: "ses_1", cumulativeMicros: 120_000 },
  });
  for (const voucher of [{}, { nonce: "n", cumulative: "0.12" as never }]) await expect(checked(voucher)).rejects.toMatchObject(failed);
});

it("is the session's wallet's own", async () => {
  for (const signer of ["0xb", null]) await expect(checked({ nonce: "n" }, signer)).rejects.toMatchObject(failed);
});
