import type { WalletSession } from "@parley/contracts";
import { expect, it } from "vitest";
import { walletView } from "./wallet-view.ts";

const AT = "2026-01-01T00:00:00.000Z";
const session = {
  ...{ id: "ses_1", wallet: "0xa", depositMicros: 1_000_000, spentMicros: 300_000, reservedMicros: 50_000, returnedMicros: 0 },
  ...{ status: "active", createdAt: AT, closedAt: null, vouchers: [] },
} as unknown as WalletSession;

it("shows what is left to be used: not what is set aside, and of a closed session nothing", () => {
  expect(walletView(session)).toMatchObject({ deposit: "1.00", spent: "0.30", reserved: "0.05", remaining: "0.65", closedAt: null });
  const closed = { ...session, status: "closed" as const, reservedMicros: 0, returnedMicros: 700_000, closedAt: AT };
  expect(walletView(closed)).toMatchObject({ spent: "0.30", remaining: "0.00", closedAt: Date.parse(AT) });
});
