export * from "./http-tools/http-tools.ts";
export { joinTools } from "./join-tools.ts";
export { createRecipeBook, type RecipeBook, recipeSettings } from "./recipes/recipe-book.ts";
export { createRecipeTools } from "./recipes/recipe-tools.ts";
export { secretNameFor, type ToolSecret, toolSecrets, toolSettings } from "./tool-secrets.ts";
