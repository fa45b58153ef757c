import { type Door, wrong } from "./call.ts";

/** The models that a name stands for, where an agent cannot answer. */
export function directModels({ gateway }: Door, name: string): string[] {
  const resolved = gateway.resolveModel(name);
  if (resolved.kind === "agent") throw wrong("model", "An agent does not serve this route.", "unsupported_value");
  return resolved.models;
}
