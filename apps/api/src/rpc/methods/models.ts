import { z } from "zod";
import { type MethodsOf, method, type RpcCall } from "../method.ts";

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
} satisfies MethodsOf<"models">;
