import { agentId, GatewayError } from "@parley/contracts";
import type { DirectModels } from "./direct-models.ts";

/** What a model's name stands for: an agent, or models of providers, to be tried in this order. */
export type ResolvedModel = { kind: "agent"; agentId: string } | { kind: "direct"; models: string[] };

/** The operator's own names, each with its models in the order in which they are tried. */
export type ModelAliases = ReadonlyMap<string, readonly string[]>;

const AGENT = "agent/";
const NAME = /^[\x21-\x7e]{1,256}$/;

/** Aliases go first, so that an operator may lead any name elsewhere. Throws `model_not_found`. */
export function resolveModel({ direct, aliases }: { direct: DirectModels; aliases: ModelAliases }, name: string): ResolvedModel {
  const models = aliases.get(name);
  if (models !== undefined) return { kind: "direct", models: [...models] };
  if (name.startsWith(AGENT)) {
    const id = agentId.safeParse(name.slice(AGENT.length));
    if (id.success) return { kind: "agent", agentId: id.data };
  } else if (NAME.test(name) && direct.knows(name)) {
    return { kind: "direct", models: [name] };
  }
  throw new GatewayError("model_not_found", { issues: [{ path: ["model"], code: "model_not_found", message: "There is no such model." }] });
}
