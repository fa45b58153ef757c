import type { AgentTool, FindTools } from "@parley/domain";
import { z } from "zod";
import type { Recipe } from "./read-recipe.ts";
import type { RecipeBook } from "./recipe-book.ts";
import { recipePermission } from "./recipe-permission.ts";

const TOOL = "load_recipe";
const given = z.object({ name: z.string() });

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** One tool that tells the recipes that an agent may load: one that is denied is neither listed nor told, one that must be asked for waits for a person. */
export const createRecipeTools =
  (book: RecipeBook): FindTools =>
  async ({ config }) => {
    if (Object.keys(config.recipes).length === 0) return [];
    const recipes = new Map([...(await book.all())].filter(([name]) => recipePermission(config.recipes, name) !== "deny"));
    return recipes.size === 0 ? [] : [loadRecipe(recipes, (name) => recipePermission(config.recipes, name) === "ask")];
  };

function loadRecipe(recipes: ReadonlyMap<string, Recipe>, mustAsk: (name: string) => boolean): AgentTool {
  const named = (call: Record<string, unknown>): string => given.safeParse(call).data?.name ?? "";
  return {
    definition: {
      name: TOOL,
      description: `Tells a recipe: how to work where its description fits what is asked. Load it before you begin such work.\n${listed(recipes)}`,
      parameters: {
        type: "object",
        properties: { name: { type: "string", enum: [...recipes.keys()] } },
        required: ["name"],
        additionalProperties: false,
      },
    },
    idempotent: true,
    needsApproval: false,
    sensitive: false,
    asks: (call) => mustAsk(named(call)),
    async run({ arguments: call }) {
      const recipe = recipes.get(named(call));
      if (recipe === undefined) {
        return { text: `There is no such recipe. There are: ${[...recipes.keys()].join(", ")}.`, isError: true, words: "own" };
      }
      return { text: `<recipe_content name="${escaped(recipe.name)}">\n${recipe.body}\n</recipe_content>`, isError: false, words: "own" };
    },
  };
}

function listed(recipes: ReadonlyMap<string, Recipe>): string {
  const lines = [...recipes.values()].map(({ name, description, tags, triggers }) => {
    const more = [...tags, ...triggers].length === 0 ? "" : `<tags>${escaped([...tags, ...triggers].join(", "))}</tags>`;
    return `<recipe><name>${escaped(name)}</name><description>${escaped(description)}</description>${more}</recipe>`;
  });
  return `<available_recipes>\n${lines.join("\n")}\n</available_recipes>`;
}
