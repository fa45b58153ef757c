/** What a wallet has signed. */
export type SignedVoucher =
  | { kind: "call"; sessionId: string; plugin: string; amountMicros: number; nonce: string; expires: number }
  | { kind: "total"; sessionId: string; cumulativeMicros: number; expires: number };

/** Recovers who signed, without asking anybody: the address in lower case, null where it is no signature. */
export type VoucherSigner = (voucher: SignedVoucher, signature: string) => Promise<string | null>;
