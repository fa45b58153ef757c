import type { GatewayContext } from "../gateway-ports.ts";

/** Every name that a call on the direct path may use, aliases first, each once. */
export async function listModels({ direct, aliases }: Pick<GatewayContext, "direct" | "aliases">): Promise<string[]> {
  return [...new Set([...aliases.keys(), ...(await direct.list())])];
}
