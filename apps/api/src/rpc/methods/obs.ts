import { agentId, conversationId, type UsageSum } from "@parley/contracts";
import type { UsageFilter } from "@parley/domain";
import { z } from "zod";
import { type MethodsOf, method, type RpcCall } from "../method.ts";

/** How far to look back, in ms; absent: to the beginning. */
const lookBack = { sinceMs: z.int().positive().max(315_360_000_000).optional() };
const DAY_MS = 86_400_000;

const sinceOf = ({ sinceMs }: { sinceMs?: number | undefined }) => (sinceMs === undefined ? undefined : new Date(Date.now() - sinceMs));

const summed = ({ callCount, inputTokens, outputTokens, cachedTokens, reasoningTokens, estimated }: Omit<UsageSum, "name">) => ({
  ...{ totalTokens: inputTokens + outputTokens, inputTokens, outputTokens, cachedTokens, reasoningTokens, callCount, estimated },
});

const NOTHING = { callCount: 0, inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0, estimated: false };

async function total({ administration, caller }: RpcCall, filter: UsageFilter) {
  const [all = NOTHING] = await administration.readUsage(caller, filter);
  return summed(all);
}

/** Tokens, from the usage that is recorded with every call of a model. */
export const obs = {
  "obs.billing.total": method(lookBack, (call, params) => total(call, { since: sinceOf(params) })),

  "obs.billing.byProvider": method(lookBack, async ({ administration, caller }, params) => {
    const groups = await administration.readUsage(caller, { since: sinceOf(params), by: "provider" });
    return { providers: groups.map(({ name, ...sum }) => ({ provider: name, ...summed(sum) })) };
  }),

  "obs.billing.byAgent": method({ ...lookBack, agentId }, async (call, { agentId, ...params }) => ({
    agentId,
    ...(await total(call, { since: sinceOf(params), agentId })),
  })),

  "obs.billing.bySession": method({ ...lookBack, sessionKey: conversationId }, async (call, { sessionKey, ...params }) => {
    // Usage outlives its conversation, but is told only to who may see that.
    await call.administration.getSession(call.caller, sessionKey);
    return { sessionKey, ...(await total(call, { since: sinceOf(params), conversationId: sessionKey })) };
  }),

  /** Hours in which something was used, newest first. */
  "obs.billing.usage24h": method({}, async ({ administration, caller }) => {
    const groups = await administration.readUsage(caller, { since: new Date(Date.now() - DAY_MS), by: "hour" });
    return groups.map(({ name, ...sum }) => ({ hour: name, tokens: sum.inputTokens + sum.outputTokens, callCount: sum.callCount }));
  }),
} satisfies MethodsOf<"obs">;
