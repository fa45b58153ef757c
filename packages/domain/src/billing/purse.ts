import { budgetExhausted, GatewayError, type Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import { outlastOutage } from "../turn/outlast-outage.ts";
import type { BillingStore, Grown, Growth, HoldKey } from "./billing-store.ts";
import { priceUsage, type Rates, type Used } from "./price-usage.ts";

export interface PursePorts {
  billing: Pick<BillingStore, "grow">;
  clock: Clock;
  random: () => number;
  limits: Pick<Limits, "holdSliceTokens" | "holdUnseenTokens" | "holdBeginMs" | "holdWaitMs">;
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
  /** Absent: there is none, or `firmOutputTokens` are all of it. */
  answer?: ExpectedAnswer;
  signal: AbortSignal;
}

/** An answer that is heard piece by piece. */
export interface ExpectedAnswer {
  /** What the caller has bounded each choice to; null: nothing. */
  tokensMax: number | null;
  choices: number;
  /** It was asked for what costs tokens and is not told as it comes: thought that is kept back, or sound. */
  isUnseen: boolean;
}

/** The money of one call. */
export interface Allowance {
  /**
   * What each choice has to be bounded to by the provider: of an answer that is not seen as it comes, so much is held. Null: what is not held for is seen
   * in time.
   */
  tokensMax: number | null;
  /** Whether so many tokens of the answer may be passed on at once; asks for more where little is left. */
  isCovered(outputTokens: number): boolean;
  /** Resolves when they may be. Throws `budget_exhausted`. */
  cover(outputTokens: number): Promise<void>;
  /** The same for sound, all of it. */
  coverSound(audioMs: number): Promise<void>;
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
/** Sound that goes on for longer than was thought is held for so much at a time. */
const SOUND_SLICE_MS = 2_000;

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
      if (!grown.mayWait || clock.monotonicMs() >= untilMs) throw budgetExhausted(grown.by);
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
    async begin({ model, inputTokens, firmOutputTokens = 0, audioMs = 0, images = 0, answer, signal }) {
      opening ??= open(signal);
      await opening;
      const asked = { model, inputTokens, firmOutputTokens, audioMs, images, calls: 1, sliceTokens };
      const first = await grow(asked, limits.holdBeginMs, signal);
      let coveredTokens = firmOutputTokens + sliceTokens;
      let coveredMs = audioMs;
      let grantedMicros = first.neededMicros;
      const price: Rates | null = first.price;
      let growing: Promise<void> | undefined;

      let tokensMax: number | null = null;
      // A price of its own for reasoning is how an operator says that a model thinks, and most of those keep it back.
      if (answer !== undefined && (answer.isUnseen || typeof price?.reasoningPico === "number")) {
        tokensMax = answer.tokensMax ?? limits.holdUnseenTokens;
        const unseenTokens = tokensMax * answer.choices;
        try {
          grantedMicros += (await grow({ model, firmOutputTokens: unseenTokens }, limits.holdBeginMs, signal)).neededMicros;
        } catch (error) {
          spare += grantedMicros;
          throw error;
        }
        coveredTokens += unseenTokens;
      }

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
        tokensMax,
        isCovered,
        async cover(outputTokens) {
          while (!isCovered(outputTokens)) await more();
        },
        async coverSound(soundMs) {
          while (soundMs > coveredMs) {
            const moreMs = Math.max(SOUND_SLICE_MS, soundMs - coveredMs);
            grantedMicros += (await grow({ model, audioMs: moreMs }, limits.holdWaitMs, signal)).neededMicros;
            coveredMs += moreMs;
          }
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
