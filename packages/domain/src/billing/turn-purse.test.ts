import { GatewayError, LIMITS, type Price, type RefusedBy } from "@parley/contracts";
import { expect, it } from "vitest";
import { movedClock } from "../testing/moved-clock.ts";
import type { ClaimedTurn } from "../turn/turn-store.ts";
import type { Growth } from "./billing-store.ts";
import { turnPayments, turnPurse } from "./turn-purse.ts";

const signal = new AbortController().signal;

/** Purses of turns over a store with that much for all; a peer's call costs 10, known or assumed. */
function paying({
  money = 1_000,
  refuseUnpriced = false,
  assumed = false,
  unit = 5 as number | null,
  by = { kind: "balance" } as RefusedBy,
} = {}) {
  const grown: Growth[] = [];
  let left = money;
  const ports = {
    ...{ clock: movedClock(), random: () => 0, limits: LIMITS, refuseUnpriced },
    billing: {
      async grow(_: unknown, growth: Growth) {
        grown.push(growth);
        const needed = growth.firmMicros ?? 0;
        const added = Math.max(needed - (growth.spareMicros ?? 0), 0);
        if (added > left) return { outcome: "refused", mayWait: false, by } as const;
        left -= added;
        return { outcome: "granted", addedMicros: added, neededMicros: needed, price: null } as const;
      },
      pending: async () => ({ heldMicros: 300, usedMicros: 260 }),
      findPrice: async () =>
        unit === null
          ? null
          : ({
              inputPico: 0,
              outputPico: 0,
              cachedPico: null,
              reasoningPico: null,
              audioPico: 0,
              imagePico: 0,
              unitPico: unit * 1e6,
            } as Price),
    },
    peers: { calls: { price: async () => ({ micros: 10, assumed }) } },
  };
  const claimed = (attempt: number, spending: object | null = { principalId: "key_one", userId: null }) =>
    ({ organizationId: "o", agentId: "a", spending, turn: { id: "t", attempt } }) as unknown as ClaimedTurn;
  return { ports, grown, left: () => left, claimed };
}

it("an attempt that takes over goes on with what the one before has held and not used; the first one asks for nothing", async () => {
  for (const [attempt, left] of [
    [1, 950],
    [2, 990],
  ] as const) {
    const turn = paying();
    const purse = turnPurse(turn.ports, turn.claimed(attempt));
    await purse?.spend(50, signal);
    expect([attempt, turn.left()]).toEqual([attempt, left]);
  }
});

it("nobody has a purse who has to have no money first, but where models without a price are refused", () => {
  const free = paying();
  expect(turnPurse(free.ports, free.claimed(1, null))).toBeNull();
  const strict = paying({ refuseUnpriced: true });
  expect(turnPurse(strict.ports, strict.claimed(1, null))).not.toBeNull();
});

it("a run of an agent and a call of a peer are set aside for before they are made; without money the turn ends for that reason", async () => {
  const rich = paying({ money: 15 });
  const payments = turnPayments(rich.ports, rich.claimed(1), turnPurse(rich.ports, rich.claimed(1)));
  await payments.forAgent("a", signal);
  expect(await payments.forPeer("k", signal)).toBe(true);
  expect(rich.left()).toBe(0);
  await expect(payments.forPeer("k", signal)).rejects.toMatchObject({ name: "TurnAbort", reason: "budget" });
  const unpriced = paying({ unit: null });
  await turnPayments(unpriced.ports, unpriced.claimed(1), turnPurse(unpriced.ports, unpriced.claimed(1))).forAgent("a", signal);
  expect(unpriced.grown).toEqual([]);
});

it("a turn without money says which budget it was, and no figure of it, not even in its words: its log has other readers than its caller", async () => {
  const by = { kind: "budget", scope: "key", period: "day", tooLarge: true } as const;
  for (const figures of [{}, { limitMicros: 5_000_000, spentMicros: 4_999_999 }]) {
    const poor = paying({ money: 1, by: { ...by, ...figures } });
    const ended = turnPayments(poor.ports, poor.claimed(1), turnPurse(poor.ports, poor.claimed(1))).forAgent("a", signal);
    const text = "The budget of this key for the day has no room for this call: an administrator may raise it.";
    const error: unknown = await ended.then(() => null).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "TurnAbort", reason: "budget", text, message: text });
    expect(error).toHaveProperty("refusedBy", by);
  }
});

it("a peer that nobody has priced is not called where such calls are refused, and is called elsewhere", async () => {
  for (const refuseUnpriced of [true, false]) {
    const turn = paying({ refuseUnpriced, assumed: true });
    const payments = turnPayments(turn.ports, turn.claimed(1), turnPurse(turn.ports, turn.claimed(1)));
    expect(await payments.forPeer("k", signal)).toBe(!refuseUnpriced);
    expect(turn.grown).toHaveLength(refuseUnpriced ? 0 : 1);
  }
});

it("what fails otherwise is no lack of money", async () => {
  const turn = paying();
  const purse = { begin: () => Promise.reject(new Error("no")), spend: () => Promise.reject(new GatewayError("internal")) };
  await expect(turnPayments(turn.ports, turn.claimed(1), purse).forPeer("k", signal)).rejects.toMatchObject({ code: "internal" });
});
