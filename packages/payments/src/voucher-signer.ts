import type { SignedVoucher, VoucherSigner } from "@parley/domain";

const CALL = {
  Voucher: [
    { name: "sessionId", type: "string" },
    { name: "plugin", type: "string" },
    { name: "amount", type: "uint256" },
    { name: "nonce", type: "string" },
    { name: "expires", type: "uint256" },
  ],
} as const;

const TOTAL = {
  CumulativeVoucher: [
    { name: "sessionId", type: "string" },
    { name: "cumulativeAmount", type: "uint256" },
    { name: "expires", type: "uint256" },
  ],
} as const;

/** What a wallet is shown to sign, by EIP-712. Amounts are micro-units. */
export function voucherTypedData(voucher: SignedVoucher, chainId: number) {
  const domain = { name: "AgentGateway Session", version: "1", chainId } as const;
  const { sessionId } = voucher;
  const expires = BigInt(voucher.expires);
  if (voucher.kind === "total") {
    const message = { sessionId, cumulativeAmount: BigInt(voucher.cumulativeMicros), expires };
    return { domain, types: TOTAL, primaryType: "CumulativeVoucher", message } as const;
  }
  const message = { sessionId, plugin: voucher.plugin, amount: BigInt(voucher.amountMicros), nonce: voucher.nonce, expires };
  return { domain, types: CALL, primaryType: "Voucher", message } as const;
}

/** Who signed it, found offline. The code for it costs a process 0.2 s to load: it is loaded with the first voucher. */
export const createVoucherSigner =
  (chainId: number): VoucherSigner =>
  async (voucher, signature) => {
    const { recoverTypedDataAddress } = await import("viem");
    try {
      const typed = voucherTypedData(voucher, chainId);
      const hex = signature as `0x${string}`;
      const address = await (typed.primaryType === "Voucher"
        ? recoverTypedDataAddress({ ...typed, signature: hex })
        : recoverTypedDataAddress({ ...typed, signature: hex }));
      return address.toLowerCase();
    } catch {
      return null;
    }
  };
