import { GatewayError, newId } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { hashInput } from "./hash-input.ts";
import type { HeldKey } from "./held-key.ts";
import type { Once, RepeatableCall, Repeater } from "./repeat-store.ts";

/** A key whose holder has died is free again after so long. */
const HOLD_MS = 30_000;
const RENEW_MS = 10_000;
const LOOK_FIRST_MS = 50;
const LOOK_EVERY_MS = 1_000;

/** A key that stands for one call, whose first answer is known or is to be made. */
export interface ClaimedCall {
  /** What the first call was answered with; null where this is the first. */
  answer: object | null;
  /** Where this is the first: what the answer may be kept with, in the transaction of what it is about; then it has to be told by `kept`. */
  held: HeldKey | null;
  kept(): void;
  /** Keeps the first answer for those who repeat the call. */
  keep(answer: object): Promise<void>;
  /** Leaves the key free: there was no answer. */
  free(): Promise<void>;
}

interface Claim extends Repeater, Once {
  input: unknown;
  /** Ends the waiting for the first call. */
  signal: AbortSignal;
}

export type ClaimPorts = Pick<GatewayContext, "repeats" | "clock" | "limits" | "log" | "hashBody">;

/** A call that takes long holds no transaction for its key: it claims the key, renews the claim, and settles it. */
export async function claimCall(context: ClaimPorts, { input, signal, ...claim }: Claim): Promise<ClaimedCall> {
  const { repeats, clock, limits, log } = context;
  const { organizationId, principalId, route, key } = claim;
  const call: RepeatableCall = { organizationId, principalId, route, idempotencyKey: key, bodyHash: hashInput(context, input) };
  const held = { token: newId<string>(), holdMs: HOLD_MS };
  const giveUpAtMs = clock.monotonicMs() + limits.syncWaitMs;
  for (let waitMs = LOOK_FIRST_MS; ; waitMs = Math.min(waitMs * 2, LOOK_EVERY_MS)) {
    const found = await repeats.claim(call, held);
    if (found.state === "done") return { answer: found.answer, held: null, kept: () => {}, keep: async () => {}, free: async () => {} };
    if (found.state === "claimed") break;
    if (clock.monotonicMs() >= giveUpAtMs) throw new GatewayError("call_under_way", { retryAfterSeconds: 1 });
    await clock.sleep(waitMs, signal);
    signal.throwIfAborted();
  }
  const settled = new AbortController();
  void (async () => {
    for (;;) {
      await clock.sleep(RENEW_MS, settled.signal);
      if (settled.signal.aborted) return;
      await repeats.holdClaim(call, held).catch((error: unknown) => log.warn({ err: error }, "a claimed key was not renewed"));
    }
  })();
  const settle = async (answer: object | null): Promise<void> => {
    if (settled.signal.aborted) return;
    settled.abort();
    await repeats.settleClaim(call, held.token, answer);
  };
  return {
    answer: null,
    held: { principalId, route, idempotencyKey: key, token: held.token },
    kept: () => settled.abort(),
    keep: (answer) => settle(answer),
    free: () => settle(null),
  };
}
