import { z } from "zod";
import { type MethodsOf, method, type RpcCall } from "../method.ts";
import { testProvider } from "./test-provider.ts";

const name = z.string().min(1).max(200);

/** Names without a provider are the operator's own. */
const ALIASES = "alias";

/** What can be named as a model, by provider. */
async function byProvider({ gateway }: RpcCall): Promise<Map<string, string[]>> {
  const names = (await gateway.listModels()).toSorted();
  return Map.groupBy(names, (name) => (name.includes("/") ? name.slice(0, name.indexOf("/")) : ALIASES));
}

const modelIdOf = (name: string): string => name.slice(name.indexOf("/") + 1);

export const models = {
  "models.list": method({ provider: z.string().max(200).optional() }, async (call, { provider }) => {
    const providers = await byProvider(call);
    if (provider !== undefined) {
      const models = (providers.get(provider) ?? []).map((name) => ({ provider, modelId: modelIdOf(name), name }));
      return { models, total: models.length };
    }
    const listed = [...providers].map(([name, models]) => ({ name, modelCount: models.length, models: models.map(modelIdOf) }));
    return { providers: listed, totalModels: listed.reduce((sum, { modelCount }) => sum + modelCount, 0) };
  }),

  "models.list_providers": method({}, async (call) => {
    const providers = [...(await byProvider(call)).keys()];
    return { providers, count: providers.length };
  }),

  /** Of a provider's models one is asked for a word. A repeated call is told what the first one found. */
  "models.test": method({ provider: name, model: name.optional() }, async (call, { provider, model }) => {
    const { gateway, caller, once, peer } = call;
    const test = async () => testProvider(call, { provider, model, models: (await byProvider(call)).get(provider) ?? [] });
    if (once === undefined) return test();
    const claim = await gateway.claimCall(caller, once, { provider, model }, peer.leaving);
    if (claim.answer !== null) return claim.answer;
    try {
      const found = await test();
      await claim.keep(found);
      return found;
    } catch (error) {
      await claim.free();
      throw error;
    }
  }),
} satisfies MethodsOf<"models">;
