import { GatewayError, NO_USAGE } from "@parley/contracts";
import type { DirectModels } from "@parley/domain";
import type { Egress } from "@parley/egress";
import type { Provider } from "../provider.ts";
import { callLocal, isLocal, LOCAL_MODELS } from "./local/call-local.ts";
import { createModelLists } from "./model-lists.ts";
import { createProviderRoutes } from "./provider-routes.ts";
import { promptTokens, sensedIn } from "./usage-count.ts";

interface DirectModelsOptions {
  providers: Provider[];
  egress: Pick<Egress, "open">;
  /** Full names of models to be listed, for providers that are not to be asked for theirs. */
  listed: string[];
}

/** The providers' own routes behind one name each, and the built-in models in the same shapes. */
export function createDirectModels({ providers, egress, listed }: DirectModelsOptions): DirectModels {
  const routes = new Map(providers.map((provider) => [provider.name, createProviderRoutes(provider, egress)]));
  const lists = createModelLists(routes, listed);

  const find = (name: string) => {
    const slash = name.indexOf("/");
    const client = routes.get(name.slice(0, slash));
    const model = name.slice(slash + 1);
    return slash === -1 || model === "" || client === undefined ? null : { client, model };
  };

  return {
    knows: (name) => isLocal(name) || find(name) !== null,
    list: async () => [...(await lists.read()), ...LOCAL_MODELS],
    async call(request) {
      if (isLocal(request.model)) return callLocal(request);
      const found = find(request.model);
      if (found === null) throw new GatewayError("model_not_found");
      return found.client.call(request, found.model);
    },
    promptUsage: (request) => ({ ...NO_USAGE, inputTokens: promptTokens(request), ...sensedIn(request), modelCalls: 1, estimated: true }),
  };
}
