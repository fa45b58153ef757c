import { LIMITS, type Price } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { movedClock } from "../testing/moved-clock.ts";
import type { Growth } from "./billing-store.ts";
import { createPurse } from "./purse.ts";

const SLICE = 16;
const UNSEEN = 1_000;
const MODEL = { model: "a/b", inputTokens: 10, signal: new AbortController().signal };
const unbounded = { tokensMax: null, choices: 1, isUnseen: false };

/** A purse over so much money, at a micro-unit a token, of the answer ten, and a thousand for a second of sound. */
function open(money: number, reasoningPico: number | null = null, before?: () => Promise<number>) {
  const grown: Growth[] = [];
  const state = { failure: null as Error | null };
  let left = money;
  const price = { inputPico: 1e6, outputPico: 1e7, reasoningPico, cachedPico: null, audioPico: 1e9, imagePico: 0, unitPico: 0 };
  const billing = {
    async grow(_key: unknown, growth: Growth) {
      if (state.failure !== null) throw state.failure;
      grown.push(growth);
      const { firmMicros = 0, inputTokens = 0, firmOutputTokens = 0, audioMs = 0, sliceTokens = 0, spareMicros = 0 } = growth;
      const firm = firmMicros + inputTokens + firmOutputTokens * 10 + audioMs;
      const needed = firm + sliceTokens * 10;
      if (left < Math.max(firm - spareMicros, 0) || (left <= 0 && needed > spareMicros))
        return { outcome: "refused", mayWait: false, by: { kind: "balance" } } as const;
      const added = Math.max(needed - spareMicros, 0);
      left -= added;
      return { outcome: "granted", addedMicros: added, neededMicros: needed, price: price as unknown as Price } as const;
    },
  };
  const limits = { ...LIMITS, holdSliceTokens: SLICE, holdUnseenTokens: UNSEEN };
  const ports = { billing, clock: movedClock(), random: () => 0, limits, refuseUnpriced: false };
  const key = { organizationId: "o", id: "1", kind: "call", principalId: null, agentId: null, userId: null } as const;
  return { purse: createPurse(ports, key, before), grown, state, left: () => left };
}

describe("an answer of which not all is seen as it comes", () => {
  it.each([
    ["asked for", { ...unbounded, isUnseen: true }, null, UNSEEN, UNSEEN],
    ["of a model whose price has reasoning", unbounded, 2e7, UNSEEN, UNSEEN],
    ["that its caller has bounded", { ...unbounded, tokensMax: 50 }, 1e7, 50, 50],
    ["in several choices", { tokensMax: 50, choices: 3, isUnseen: true }, null, 50, 150],
  ])("%s is held for before the call, and its provider told the bound", async (_what, answer, reasoningPico, tokensMax, heldTokens) => {
    const { purse, grown } = open(1_000_000, reasoningPico);
    const allowance = await purse.begin({ ...MODEL, answer });
    expect(allowance.tokensMax).toBe(tokensMax);
    expect(grown.reduce((sum, { firmOutputTokens = 0 }) => sum + firmOutputTokens, 0)).toBe(heldTokens);
    expect(allowance.isCovered(heldTokens)).toBe(true);
  });

  it("is refused where there is not so much, and what was set aside already is free for another model", async () => {
    const { purse, left } = open(500);
    await expect(purse.begin({ ...MODEL, answer: { ...unbounded, isUnseen: true } })).rejects.toMatchObject({ code: "budget_exhausted" });
    const before = left();
    expect((await purse.begin({ ...MODEL, answer: unbounded })).tokensMax).toBeNull();
    expect(left()).toBe(before);
  });

  it("is the only one that is bounded", async () => {
    const { purse, grown } = open(1_000_000);
    expect((await purse.begin({ ...MODEL, answer: unbounded })).tokensMax).toBeNull();
    expect((await purse.begin({ ...MODEL, firmOutputTokens: 7 })).tokensMax).toBeNull();
    expect(grown.map(({ firmOutputTokens }) => firmOutputTokens)).toEqual([0, 7]);
  });
});

/** What a call without a bound sets aside. */
const BEGUN_MICROS = 10 + SLICE * 10;
const USED = { inputTokens: 10, outputTokens: 6, cachedTokens: 0, reasoningTokens: 0 };

describe("what was set aside and not used", () => {
  it("is the next call's: less is added by just so much", async () => {
    const { purse, left } = open(1_000);
    (await purse.begin(MODEL)).settle(USED);
    expect(left()).toBe(1_000 - BEGUN_MICROS);
    await purse.begin(MODEL);
    expect(left()).toBe(1_000 - BEGUN_MICROS - 70);
  });

  it("stays so where more is refused, or nobody could be asked", async () => {
    const { purse, left, state } = open(500);
    (await purse.begin(MODEL)).settle(null);
    await expect(purse.begin({ ...MODEL, firmOutputTokens: 100 })).rejects.toMatchObject({ code: "budget_exhausted" });
    state.failure = new Error("torn");
    await expect(purse.begin(MODEL)).rejects.toThrow("torn");
    state.failure = null;
    await purse.begin(MODEL);
    expect(left()).toBe(500 - BEGUN_MICROS);
  });

  it("by an attempt before is used up first, and what that one used beyond it is set aside besides", async () => {
    for (const before of [100, -30]) {
      const { purse, left } = open(1_000, null, async () => before);
      await purse.begin(MODEL);
      expect(left()).toBe(1_000 - BEGUN_MICROS + before);
    }
  });
});

it("passes on no token more than is set aside", async () => {
  const allowance = await open(BEGUN_MICROS).purse.begin(MODEL);
  expect([allowance.isCovered(SLICE), allowance.isCovered(SLICE + 1)]).toEqual([true, false]);
});

it("sound that goes on for longer than was thought is held for before it is passed on, as far as the money goes", async () => {
  const { purse, left } = open(25_000);
  const allowance = await purse.begin({ ...MODEL, audioMs: 2_000 });
  const before = left();
  await allowance.coverSound(2_000);
  expect(left()).toBe(before);
  await allowance.coverSound(2_001);
  expect(left()).toBe(before - 2_000);
  await allowance.coverSound(22_000);
  await expect(allowance.coverSound(26_000)).rejects.toMatchObject({ code: "budget_exhausted" });
});

it("says of a model that has no price of its own, where such are refused, that it has none: nothing is waited for", async () => {
  const billing = { grow: async () => ({ outcome: "unpriced" }) as const };
  const key = { organizationId: "o", id: "1", kind: "call", principalId: null, agentId: null, userId: null } as const;
  const purse = createPurse({ billing, clock: movedClock(), random: () => 0, limits: LIMITS, refuseUnpriced: true }, key);
  await expect(purse.begin({ ...MODEL, answer: unbounded })).rejects.toMatchObject({ code: "model_unpriced" });
});
