import { LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import type { GatewayContext } from "../gateway-ports.ts";
import { movedClock, settle } from "../testing/moved-clock.ts";
import type { CreditsReserved, Reserved } from "./payment-store.ts";
import { sellCalls } from "./sell-calls.ts";

const caller = { organizationId: "o", principalId: "key_one", scopes: new Set<never>(), agentIds: null };
const order = { plugin: "agent", amountMicros: 50_000, under: null };

/** Credits that others hold: what is asked for them, and what is said in turn. */
function held(says: CreditsReserved[] = []) {
  const clock = movedClock();
  const asked: string[] = [];
  const payments = {
    async reserveCredits({ id }: { id: string }): Promise<CreditsReserved> {
      asked.push(id);
      return says.shift() ?? { outcome: "insufficient", mayWait: true, by: { kind: "balance" } };
    },
    holdPurchase: async () => true,
    endPurchase: async () => true,
  };
  const context = { payments, clock, limits: LIMITS } as unknown as GatewayContext;
  const leaving = new AbortController();
  const bought = sellCalls(context).buyWithCredits(caller, order, leaving.signal);
  bought.catch(() => undefined);
  return { clock, asked, bought, leaving };
}

it("waits no longer for credits that others hold than its caller does, and asks for them no more", async () => {
  const { clock, asked, bought, leaving } = held();
  await clock.move(500);
  const before = asked.length;
  expect(before).toBeGreaterThan(1);
  leaving.abort(new Error("left"));
  await settle();
  expect(clock.sleepers()).toBe(0);
  await expect(bought).rejects.toThrow("left");
  await clock.move(LIMITS.holdBeginMs);
  expect(asked.length).toBe(before);
});

it("waits for them as long as any call does where its caller stays, under one name, and says then that nothing is to be paid anew", async () => {
  const { clock, asked, bought } = held();
  await clock.move(LIMITS.holdBeginMs + 500);
  await expect(bought).rejects.toMatchObject({ code: "payment_pending" });
  expect(new Set(asked).size).toBe(1);
  const later = held([{ outcome: "insufficient", mayWait: true, by: { kind: "balance" } }, { outcome: "reserved" }]);
  await later.clock.move(500);
  const purchase = await later.bought;
  await purchase.settle("done");
});

it("a key for some agents shows no session, neither one that is there nor one that is not, but what its wallet has signed", async () => {
  const named = { sessionId: "s", wallet: "0xa", voucher: null };
  const signed = { ...named, voucher: { signature: "0x", nonce: "one", expires: 60 } };
  const proved = (owner: string | null, shown: typeof named | typeof signed, agentIds: ReadonlySet<string> | null) => {
    const ports = { voucherSigner: async () => "0xa", clock: movedClock(), billing: { findPrice: async () => ({ unitPico: 1 }) } };
    const context = { ...ports, payments: { sessionOwner: async () => owner } } as unknown as GatewayContext;
    return sellCalls(context).proveSession({ ...caller, agentIds }, shown, "agent");
  };
  const some = new Set(["agent_one"]);
  for (const owner of ["o", "other", null]) await expect(proved(owner, named, some)).rejects.toMatchObject({ code: "missing_scope" });
  expect(await proved("o", signed, some)).toMatchObject({ organizationId: "o", proof: { nonce: "one" } });
  expect(await proved("o", named, null)).toMatchObject({ organizationId: "o", proof: null });
});

it("says of a session that does not pay whether the call is to be paid otherwise: not where it is paid, or pays soon", async () => {
  const session = { organizationId: "o", sessionId: "s", wallet: "w", proof: { signature: "0x", nonce: null, signedMicros: 50_000 } };
  const refusedFor = (says: Reserved) => {
    const payments = { reserveInSession: async () => says };
    return sellCalls({ payments } as unknown as GatewayContext).buyInSession(session, order);
  };
  const short = { remainingMicros: 10_000, mayWait: false, isSpent: false };
  const voucher = { code: "voucher_failed", retryAfterSeconds: undefined };
  const money = { code: "insufficient_balance", retryAfterSeconds: undefined, message: "Need $0.05, have $0.01" };
  const cases: [Reserved, object, isFinal: boolean][] = [
    [{ outcome: "invalid", isSpent: false }, { code: "session_invalid" }, false],
    [{ outcome: "invalid", isSpent: true }, { code: "session_invalid" }, true],
    [{ outcome: "used" }, voucher, true],
    [{ outcome: "unsigned", ...short }, voucher, false],
    [{ outcome: "unsigned", ...short, isSpent: true }, voucher, true],
    [{ outcome: "unsigned", ...short, mayWait: true }, { ...voucher, retryAfterSeconds: 2 }, true],
    [{ outcome: "insufficient", ...short }, money, false],
    [{ outcome: "insufficient", ...short, isSpent: true }, money, true],
    [{ outcome: "insufficient", ...short, mayWait: true }, { ...money, retryAfterSeconds: 2 }, true],
  ];
  for (const [says, reason, isFinal] of cases) expect(await refusedFor(says)).toMatchObject({ outcome: "refused", reason, isFinal });
  expect(await refusedFor({ outcome: "insufficient", ...short })).toMatchObject({ remainingMicros: 10_000 });
  await expect(refusedFor({ outcome: "used", underWay: true })).rejects.toMatchObject({ code: "payment_pending" });
});
