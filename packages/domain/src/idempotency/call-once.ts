import type { Caller } from "../identity/caller.ts";
import { type ClaimPorts, claimCall } from "./claim-call.ts";
import type { Once } from "./repeat-store.ts";

interface RepeatedCall {
  caller: Pick<Caller, "organizationId" | "principalId">;
  once: Once | undefined;
  input: unknown;
  /** Ends the waiting for the first call. */
  signal: AbortSignal;
}

/** Does what speaks to others, and so may not hold a transaction, once per key where the caller sent one. A refusal leaves the key free. */
export async function callOnce<Answer extends object>(
  context: ClaimPorts,
  { caller, once, input, signal }: RepeatedCall,
  act: () => Promise<Answer>,
): Promise<Answer> {
  if (once === undefined) return act();
  const { organizationId, principalId } = caller;
  const claim = await claimCall(context, { organizationId, principalId, ...once, input, signal });
  if (claim.answer !== null) return claim.answer as Answer;
  try {
    const answer = await act();
    await claim.keep(answer);
    return answer;
  } finally {
    await claim.free();
  }
}
