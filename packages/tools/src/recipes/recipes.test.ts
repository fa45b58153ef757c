import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentConfig, type RecipePermission } from "@parley/contracts";
import type { Log, ToolRun } from "@parley/domain";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createRecipeBook } from "./recipe-book.ts";
import { recipePermission } from "./recipe-permission.ts";
import { createRecipeTools } from "./recipe-tools.ts";

let folder: string;
let complaints: unknown[];
const log = { warn: (fields: unknown) => void complaints.push(fields) } as unknown as Log;
beforeEach(async () => {
  complaints = [];
  folder = await mkdtemp(join(tmpdir(), "parley-recipes-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const recipe = (name: string | null, text: string): string =>
  `---\n${name === null ? "" : `name: ${name}\n`}description: About ${text}\ntags: [a, <b>]\n---\n${text}\n`;
const write = (place: string, text: string) => writeFile(join(folder, place), text);
const bookOf = (limits: object = {}) => createRecipeBook({ folder, limits: { recipesMax: 10, recipeBytesMax: 1_024, ...limits }, log });
async function toolFor(rules: Record<string, RecipePermission>, book = bookOf()) {
  const config = agentConfig.parse({ recipes: rules });
  const agent = { id: "a", version: 1, name: "Agent", description: "", config };
  const [tool] = await createRecipeTools(book)(agent, { organizationId: "o", conversationId: "c" });
  return tool;
}
const run = async (tool: Awaited<ReturnType<typeof toolFor>>, name: unknown) =>
  (tool ?? expect.fail("There is no tool.")).run({ arguments: { name } } as unknown as ToolRun);

test("recipes are files and folders of the one folder; the head names them, else the file does", async () => {
  await write("one.md", recipe(null, "first"));
  await mkdir(join(folder, "deep"));
  await write("deep/RECIPE.md", recipe("second one", "second"));
  await write("notes.txt", "nothing");
  expect([...(await bookOf().all()).keys()]).toEqual(["second one", "one"]);
  expect(await run(await toolFor({ "*": "allow" }), "one")).toEqual({
    text: '<recipe_content name="one">\nfirst\n</recipe_content>',
    isError: false,
    words: "own",
  });
  expect((await toolFor({ "*": "allow" }))?.definition.description).toContain("<tags>a, &lt;b&gt;</tags>");
});

test("no name leads out of the folder, and no link is followed", async () => {
  const outside = await mkdtemp(join(tmpdir(), "parley-outside-"));
  await writeFile(join(outside, "secret.md"), recipe(null, "secret"));
  await symlink(join(outside, "secret.md"), join(folder, "link.md"));
  await symlink(outside, join(folder, "linked"));
  await write("one.md", recipe(null, "first"));
  expect([...(await bookOf().all()).keys()]).toEqual(["one"]);
  const tool = await toolFor({ "*": "allow" });
  for (const name of ["../secret", "link", "linked/secret", "/etc/passwd", "one.md", "__proto__", "", null, { name: "one" }]) {
    expect(await run(tool, name)).toMatchObject({ isError: true, text: "There is no such recipe. There are: one." });
  }
  await rm(outside, { recursive: true });
});

test("what is wrong with a recipe is said once, and takes nothing from the others", async () => {
  await write("a.md", recipe("same", "first"));
  await write("b.md", recipe("same", "second"));
  await write("c.md", "no head");
  await write("d.md", recipe("call_joke", "wrong name"));
  await write("e.md", recipe(null, "x".repeat(2_000)));
  await write("f.md", "---\n: [\n---\n");
  const book = bookOf();
  const known = await book.all();
  expect([...known.keys()]).toEqual(["same"]);
  expect(known.get("same")?.body).toBe("first");
  expect(complaints).toHaveLength(5);
  vi.useFakeTimers({ toFake: ["performance"] });
  vi.advanceTimersByTime(60_000);
  await book.all();
  vi.useRealTimers();
  expect(complaints).toHaveLength(5);
  expect([...(await bookOf({ recipesMax: 0 }).all())]).toEqual([]);
});

test("a changed folder is seen after a moment", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const book = bookOf();
    expect((await book.all()).size).toBe(0);
    await write("one.md", recipe(null, "first"));
    vi.advanceTimersByTime(60_000);
    expect([...(await book.all()).keys()]).toEqual(["one"]);
  } finally {
    vi.useRealTimers();
  }
});

test("a denied recipe is neither listed nor told, one to be asked for needs a person, and nothing said is a no", async () => {
  for (const name of ["open", "secret", "costly"]) await write(`${name}.md`, recipe(null, name));
  const tool = await toolFor({ "*": "allow", secret: "deny", "cost*": "ask" });
  expect(tool?.definition.parameters).toMatchObject({ properties: { name: { enum: ["costly", "open"] } } });
  expect(tool?.definition.description).not.toContain("secret");
  expect(await run(tool, "secret")).toMatchObject({ isError: true });
  expect([tool?.asks?.({ name: "costly" }), tool?.asks?.({ name: "open" })]).toEqual([true, false]);
  expect(await toolFor({})).toBeUndefined();
  expect(await toolFor({ "*": "deny" })).toBeUndefined();
});

test("the longest pattern that fits counts, and of two as long the stricter one", () => {
  expect(recipePermission({ "*": "deny", "pay*": "ask", "pay-now": "allow" }, "pay-now")).toBe("allow");
  expect(recipePermission({ "pay*": "allow", "*now": "deny" }, "pay now")).toBe("deny");
  expect(recipePermission({ "a.c": "allow" }, "abc")).toBe("deny");
  expect(recipePermission({}, "any")).toBe("deny");
});
