import { GatewayError } from "@parley/contracts";
import type { Model, ModelChunk } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { streamLocalChat } from "./local-chat/local-chat.ts";
import { localEmbed } from "./local-embed.ts";
import { createOpenaiCompatible } from "./openai-compatible/openai-compatible.ts";
import type { Provider } from "./provider.ts";

interface ModelsOptions {
  providers: Provider[];
  /** The egress's fetch; it must know `modelSecrets(providers)`. */
  fetch: EgressFetch;
}

const rejected = (text: string) => new GatewayError("model_rejected", { text });

/** Fails when it is read, as a stream does. */
async function* failing(error: GatewayError): AsyncGenerator<ModelChunk> {
  throw error;
}

/**
 * Every model behind one name: `<provider>/<model>` goes to that provider, `local/chat` and `local/embed` are built in.
 * An unknown name is `model_rejected`, thrown when the stream is read.
 */
export const createModels = ({ providers, fetch }: ModelsOptions): Model => {
  const clients = new Map(providers.map((provider) => [provider.name, createOpenaiCompatible(provider, fetch)]));
  const names = ["local", ...clients.keys()].join(", ");

  const resolve = (name: string) => {
    const slash = name.indexOf("/");
    const model = name.slice(slash + 1);
    const client = clients.get(name.slice(0, slash));
    return slash === -1 || client === undefined ? null : { client, model };
  };

  const unknown = (name: string): GatewayError => {
    if (!name.includes("/")) return rejected(`"${name}" is no model name; models are named <provider>/<model>.`);
    if (name.startsWith("local/")) return rejected(`There is no model "${name}"; the built-in ones are local/chat and local/embed.`);
    return rejected(`There is no model provider for "${name}"; this gateway has: ${names}.`);
  };

  return {
    stream: (request) => {
      if (request.model === "local/chat") return streamLocalChat(request);
      const found = resolve(request.model);
      return found === null ? failing(unknown(request.model)) : found.client.stream(request, found.model);
    },
    embed: async ({ model, texts, signal }) => {
      signal.throwIfAborted();
      if (model === "local/embed") return localEmbed(texts);
      const found = resolve(model);
      if (found === null) throw unknown(model);
      return found.client.embed(texts, found.model, signal);
    },
  };
};
