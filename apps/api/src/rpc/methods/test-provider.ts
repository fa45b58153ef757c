import { isGatewayError, newId } from "@parley/contracts";
import type { RpcCall } from "../method.ts";

/** Enough for any model to answer with, and next to nothing to pay. */
const PROBE = { messages: [{ role: "user", content: "ping" }], max_completion_tokens: 16 };

/** Refusals of the direct path that are the answer here: they say what is wrong with the model. */
const REFUSALS = ["model_refused", "model_busy", "model_rejected", "model_unavailable", "egress_refused", "egress_failed"] as const;

/** Calls one model on the direct path, metered as any such call, and says how it went. */
export async function testProvider(
  call: RpcCall,
  { provider, models, model }: { provider: string; models: string[]; model?: string | undefined },
) {
  const chosen = model === undefined ? await usedOrFirst(call, models) : `${provider}/${model}`;
  const facts = { provider, modelsAvailable: models.length };
  if (!isConfigured(call, chosen ?? `${provider}/any`)) return { ...facts, status: "not_configured" };
  if (chosen === undefined) return { ...facts, status: "no_models" };
  const startedAtMs = performance.now();
  const outcome = await probe(call, chosen);
  return { ...facts, model: chosen, latencyMs: Math.round(performance.now() - startedAtMs), ...outcome };
}

/** A model that agents use tells more than the first of a list, which may answer no chat. */
async function usedOrFirst({ gateway, caller, limits }: RpcCall, models: string[]): Promise<string | undefined> {
  const { items } = await gateway.listAgents(caller, { page: 1, perPage: limits.pageMax });
  const used = new Set(items.map(({ config }) => config.model));
  return models.find((name) => used.has(name)) ?? models[0];
}

function isConfigured({ gateway }: RpcCall, name: string): boolean {
  try {
    return gateway.resolveModel(name).kind === "direct";
  } catch (error) {
    if (isGatewayError(error, "model_not_found")) return false;
    throw error;
  }
}

async function probe({ gateway, caller, method, peer }: RpcCall, model: string): Promise<object> {
  try {
    const call = { kind: "chat" as const, route: method, models: [model], body: { ...PROBE, model }, requestId: newId<string>() };
    await gateway.callModel(caller, { ...call, signal: peer.leaving });
    return { status: "available" };
  } catch (error) {
    const code = REFUSALS.find((refusal) => isGatewayError(error, refusal));
    if (code === undefined || !(error instanceof Error)) throw error;
    return { status: "unavailable", code, message: error.message };
  }
}
