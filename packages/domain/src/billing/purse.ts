import { GatewayError, type Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import { outlastOutage } from "../turn/outlast-outage.ts";
import type { BillingStore, Grown, Growth, HoldKey } from "./billing-store.ts";
import { priceUsage, type Rates, type Used } from "./price-usage.ts";

export interface PursePorts {
  billing: Pick<BillingStore, "grow">;
  clock: Clock;
  random: () => number;
  limits: Pick<Limits, "holdSliceTokens" | "holdBeginMs" | "holdWaitMs">;
  /** Models that only the fallback prices may not be called. */
  refuseUnpriced: boolean;
}

interface Asked {
  model: string;
  /** Of the prompt, by an estimate that is rather too high. */
  inputTokens: number;
  /** What the caller has bounded the answer to, where all of it comes at once. */
  firmOutputTokens?: number;
  /** Of sound that is heard, or will be spoken. */
  audioMs?: number;
  images?: number;
  signal: AbortSignal;
}

/** The money of one call. */
export interface Allowance {
  /** Whether so many tokens of the answer may be passed on at once; asks for more where little is left. */
  isCovered(outputTokens: number): boolean;
  /** Resolves when they may be. Throws `budget_exhausted`. */
  cover(outputTokens: number): Promise<void>;
  /** The call is over; what it was given and has not used is free for the next one. */
  settle(usage: Used | null): void;
}

/** The growing hold of one turn, or of one direct call. */
export interface Purse {
  /** Before the model is called. Throws `budget_exhausted` where there is no money for it, also after a wait, and `model_unpriced`. */
  begin(asked: Asked): Promise<Allowance>;
  /** Sets aside what something costs that is no model, and used for sure once this resolves. Throws `budget_exhausted`. */
  spend(micros: number, signal: AbortSignal): Promise<void>;
}

/** Those who wait for money ask again after about so long. */
const ASK_AGAIN_MS = 200;

/** `before` reads what the hold has already that nothing has used, where there were attempts before; less than nothing where they used more. */
export function createPurse(
  { billing, clock, random, limits, refuseUnpriced }: PursePorts,
  key: HoldKey,
  before?: () => Promise<number>,
): Purse {
  let spare = 0;
  let opening: Promise<void> | undefined;
  const sliceTokens = limits.holdSliceTokens;

  async function grow(growth: Growth, waitMs: number, signal: AbortSignal): Promise<Extract<Grown, { outcome: "granted" }>> {
    const untilMs = clock.monotonicMs() + waitMs;
    for (;;) {
      const offered = spare;
      spare = 0;
      let grown: Grown;
      try {
        grown = await outlastOutage(clock, () => billing.grow(key, { ...growth, refuseUnpriced, spareMicros: offered }), signal);
      } catch (error) {
        spare += offered;
        throw error;
      }
      if (grown.outcome === "granted") {
        spare += offered + grown.addedMicros - grown.neededMicros;
        return grown;
      }
      spare += offered;
      if (grown.outcome === "unpriced") throw new GatewayError("model_unpriced");
      if (!grown.mayWait || clock.monotonicMs() >= untilMs) throw new GatewayError("budget_exhausted");
      await clock.sleep(ASK_AGAIN_MS * (0.5 + random()), signal);
      signal.throwIfAborted();
    }
  }

  async function open(signal: AbortSignal): Promise<void> {
    if (before !== undefined) spare += await outlastOutage(clock, before, signal);
  }

  return {
    async spend(micros, signal) {
      opening ??= open(signal);
      await opening;
      if (micros > 0) await grow({ firmMicros: micros }, limits.holdBeginMs, signal);
    },
    async begin({ model, inputTokens, firmOutputTokens = 0, audioMs = 0, images = 0, signal }) {
      opening ??= open(signal);
      await opening;
      const asked = { model, inputTokens, firmOutputTokens, audioMs, images, calls: 1, sliceTokens };
      const first = await grow(asked, limits.holdBeginMs, signal);
      let coveredTokens = firmOutputTokens + sliceTokens;
      let grantedMicros = first.neededMicros;
      const price: Rates | null = first.price;
      let growing: Promise<void> | undefined;

      const more = (): Promise<void> => {
        growing ??= grow({ model, sliceTokens }, limits.holdWaitMs, signal)
          .then(({ neededMicros }) => {
            coveredTokens += sliceTokens;
            grantedMicros += neededMicros;
          })
          .finally(() => {
            growing = undefined;
          });
        return growing;
      };
      const isCovered = (outputTokens: number): boolean => {
        // Asked for ahead of need, so that mostly nothing waits. Whether it is refused matters only when it is needed.
        if (coveredTokens - outputTokens < sliceTokens / 2 && growing === undefined) more().catch(() => undefined);
        return outputTokens <= coveredTokens;
      };

      return {
        isCovered,
        async cover(outputTokens) {
          while (!isCovered(outputTokens)) await more();
        },
        settle(usage) {
          const micros = price === null || usage === null ? 0 : priceUsage(price, usage);
          const settle = (): void => void (spare += grantedMicros - micros);
          if (growing === undefined) settle();
          else void growing.then(settle, settle);
        },
      };
    },
  };
}
