import { type EgressSecret, hostPort } from "@parley/egress";

/** An OpenAI-compatible service. Its name is the first part of its models' names. */
export interface Provider {
  name: string;
  /** Ends before `/chat/completions`. */
  baseUrl: string;
  /** Null for a service that asks for none. */
  apiKey: string | null;
  /** How the service calls the bound on the answer's length. */
  outputLimit: "max_tokens" | "max_completion_tokens";
}

export const secretNameOf = (provider: Provider): string => `model.${provider.name}`;

/** The providers' keys for the egress, each bound to its provider's host. No other part of the gateway holds them. */
export const modelSecrets = (providers: Provider[]): EgressSecret[] =>
  providers.flatMap((provider) =>
    provider.apiKey === null
      ? []
      : [{ name: secretNameOf(provider), value: provider.apiKey, hosts: [hostPort(new URL(provider.baseUrl))] }],
  );
