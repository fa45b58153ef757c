/** What the scripted model costs in an arena, in pico-units a token: nothing that comes out even. */
export const INPUT_PICO = 1_300_000;
export const OUTPUT_PICO = 10_700_007;
/** A call of a peer. */
export const PEER_MICROS = 777_001;
/** What each organization has to begin with: enough for all trials, also where a usage is counted in millions of tokens. */
export const CREDIT_MICROS = 1_000_000_000_000;
