import type { RecipePermission } from "@parley/contracts";

const fits = (pattern: string, name: string): boolean =>
  new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`, "su").test(name);

const STRENGTH: Record<RecipePermission, number> = { deny: 2, ask: 1, allow: 0 };

/** What an agent's rules say of a recipe: the longest pattern that fits counts, of two as long the stricter one. Nothing said is a no. */
export function recipePermission(rules: Record<string, RecipePermission>, name: string): RecipePermission {
  const [best] = Object.entries(rules)
    .filter(([pattern]) => fits(pattern, name))
    .toSorted(([a, one], [b, other]) => b.length - a.length || STRENGTH[other] - STRENGTH[one]);
  return best?.[1] ?? "deny";
}
