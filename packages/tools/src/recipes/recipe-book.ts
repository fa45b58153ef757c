import { open, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Limits } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { z } from "zod";
import { type Recipe, readRecipe } from "./read-recipe.ts";

export const recipeSettings = z.object({
  /** Where recipes lie: `<name>.md` and `<name>/RECIPE.md`. Without it there are none. */
  RECIPES_DIR: z.string().min(1).optional(),
});

/** The recipes of a folder, by name. What is changed there is seen within a few seconds. */
export interface RecipeBook {
  all(): Promise<ReadonlyMap<string, Recipe>>;
}

interface Options {
  /** Undefined: there are none. */
  folder: string | undefined;
  limits: Pick<Limits, "recipesMax" | "recipeBytesMax">;
  log: Log;
}

const FRESH_MS = 3_000;
const NONE: ReadonlyMap<string, Recipe> = new Map();

export function createRecipeBook({ folder, limits, log }: Options): RecipeBook {
  if (folder === undefined) return { all: async () => NONE };
  let read: Promise<ReadonlyMap<string, Recipe>> | undefined;
  let readAtMs = 0;
  const complaints = new Set<string>();

  /** Once for each fault, not at every look. */
  function complain(place: string, error: unknown): void {
    const what = `${place}: ${error instanceof Error ? error.message : String(error)}`;
    if (complaints.has(what) || complaints.size >= limits.recipesMax) return;
    complaints.add(what);
    log.warn({ place, err: error }, "a recipe cannot be used");
  }

  async function readAll(from: string): Promise<ReadonlyMap<string, Recipe>> {
    const recipes = new Map<string, Recipe>();
    const places = await placesIn(from).catch((error: unknown) => {
      complain(from, error);
      return [];
    });
    for (const { place, name } of places) {
      if (recipes.size >= limits.recipesMax) break;
      try {
        const recipe = readRecipe(await readBounded(place, limits.recipeBytesMax), name);
        if (recipes.has(recipe.name)) throw new Error(`there is a recipe ${recipe.name} before it`);
        recipes.set(recipe.name, recipe);
      } catch (error) {
        complain(place, error);
      }
    }
    return recipes;
  }

  return {
    all() {
      if (read === undefined || performance.now() - readAtMs > FRESH_MS) {
        readAtMs = performance.now();
        read = readAll(folder);
      }
      return read;
    },
  };
}

/** Regular files of the folder itself and one level below, in the order of their names: no link is followed, so that nothing else can be read. */
async function placesIn(folder: string): Promise<{ place: string; name: string }[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const places: { place: string; name: string }[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const place = join(folder, entry.name);
    if (entry.isFile() && entry.name.endsWith(".md")) places.push({ place, name: basename(entry.name, ".md") });
    if (!entry.isDirectory()) continue;
    const inner = await readdir(place, { withFileTypes: true });
    if (inner.some((file) => file.isFile() && file.name === "RECIPE.md"))
      places.push({ place: join(place, "RECIPE.md"), name: entry.name });
  }
  return places;
}

async function readBounded(place: string, bytesMax: number): Promise<string> {
  const file = await open(place);
  try {
    const { size } = await file.stat();
    if (size > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
