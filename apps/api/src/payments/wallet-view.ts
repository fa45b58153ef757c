import { microsToDollars, type WalletSession } from "@parley/contracts";

/** A session as clients of wallets know it: dollars as text, times in ms. Signatures are not shown again. */
export const walletView = ({ createdAt, closedAt, vouchers, ...session }: WalletSession) => ({
  id: session.id,
  userAddress: session.wallet,
  deposit: microsToDollars(session.depositMicros),
  spent: microsToDollars(session.spentMicros),
  reserved: microsToDollars(session.reservedMicros),
  remaining: microsToDollars(closedAt !== null ? 0 : session.depositMicros - session.spentMicros - session.reservedMicros),
  returned: microsToDollars(session.returnedMicros),
  status: session.status,
  createdAt: Date.parse(createdAt),
  closedAt: closedAt === null ? null : Date.parse(closedAt),
  vouchers: vouchers.map(({ id, nonce, plugin, amountMicros, state, createdAt: at }) => ({
    id,
    nonce,
    plugin,
    amount: microsToDollars(amountMicros),
    state,
    timestamp: Date.parse(at),
  })),
});
