/** Every script a scenario plays. The product needs an agent per model name, so they are made before anything is measured. */
export const SCRIPTS = {
  short: { tokens: 8, firstMs: 0, gapMs: 0 },
  /** The first token comes 40 ms after the role chunk, as a model's does. */
  ttft40: { tokens: 8, firstMs: 40, gapMs: 0 },
  long: { tokens: 64, firstMs: 0, gapMs: 0 },
  /** As a model writes: 50 tokens a second after 40 ms. */
  paced: { tokens: 64, firstMs: 40, gapMs: 20 },
  /** Long enough that a queue can be filled behind it. */
  queued: { tokens: 8, firstMs: 200, gapMs: 0 },
  /** Says nothing for longer than any measurement. */
  silent: { tokens: 1, firstMs: 900_000, gapMs: 0 },
  /** Writes as a model does for longer than any measurement. */
  endless: { tokens: 90_000, firstMs: 40, gapMs: 20 },
} as const;

/** Hands work to so many children at once, which all play `endless`, as it does itself once it need not wait for them. */
export const FAN_OUT = { ...SCRIPTS.endless, calls: 20 } as const;
