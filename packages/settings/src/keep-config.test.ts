import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "@parley/domain";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConfigKeeper, ConfigPatched } from "./config-keeper.ts";
import { keepConfig } from "./keep-config.ts";

const schemas = { HOST: {}, ADMIN_SECRET: {}, LIMIT_READ_CALLS_MAX: { type: "integer" }, LIMIT_BODY_BYTES_MAX: { type: "integer" } };
const said: string[] = [];
const note = (_: unknown, message: string) => void said.push(message);
const log: Log = { debug() {}, info: note, warn: note, error: note, child: () => log };

/** As an app does it: whole numbers, and the list of what is none. */
function parse(variables: Record<string, string | undefined>): Record<string, unknown> {
  const numbers = ["LIMIT_READ_CALLS_MAX", "LIMIT_BODY_BYTES_MAX"];
  const wrong = numbers.filter((name) => !/^\d+$/.test(variables[name] ?? "0"));
  if (wrong.length > 0) throw new Error(`The configuration is wrong:\n${wrong.map((name) => `  ${name}: must be a number`).join("\n")}`);
  return { ...variables, ...Object.fromEntries(numbers.map((name) => [name, Number(variables[name] ?? 100)])) };
}

let folder: string;
let path: string;
let keeper: ConfigKeeper;
let live: unknown[];
let told: ConfigPatched[];

async function open(text: string, environment: Record<string, string> = {}): Promise<void> {
  await writeFile(path, text);
  live = [];
  told = [];
  keeper = await keepConfig({
    ...{ path, environment, schemas, parse, log },
    live: { LIMIT_READ_CALLS_MAX: (value) => void live.push(value) },
    isFixed: (name) => name === "HOST",
    historyMax: 3,
  });
  keeper.onPatched((patched) => told.push(patched));
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-settings-"));
  path = join(folder, "parley.config.yaml");
  said.length = 0;
});
afterEach(async () => {
  keeper.close();
  await rm(folder, { recursive: true });
});

const patch = (section: string, key: string, value: unknown) => keeper.patch({ section, key, value, by: "operator" });
const READ_MAX = "limits.readCallsMax";

test("a patch is written whole, taken up at once where that is safe, told, and kept", async () => {
  await open("# ours\nlimits: { readCallsMax: 7 }\n");
  const patched = await patch("limits", "readCallsMax", 8);
  expect(patched.changes).toEqual([{ name: "LIMIT_READ_CALLS_MAX", path: READ_MAX, before: 7, after: 8, takesEffect: "now" }]);
  expect([live, told]).toEqual([[8], [patched]]);
  expect(await readFile(path, "utf8")).toContain("readCallsMax: 8");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await readdir(folder)).filter((file) => file.startsWith("."))).toEqual([]);
  const [newest, first] = await keeper.history({ limit: 10 });
  expect([newest, first]).toMatchObject([{ id: patched.id, by: "operator", names: ["LIMIT_READ_CALLS_MAX"] }, { by: "file" }]);
});

test("what needs a restart is written and named, and holds only then", async () => {
  await open("limits: { readCallsMax: 7 }\n");
  const { changes } = await patch("limits", "bodyBytesMax", 2048);
  expect(changes).toMatchObject([{ before: 100, after: 2048, takesEffect: "restart" }]);
  expect(keeper.get("limits")).toMatchObject({
    config: { limits: { bodyBytesMax: 100, readCallsMax: 7 } },
    restartNeeded: ["limits.bodyBytesMax"],
  });
});

describe("refused, with nothing written, is", () => {
  test.each<[string, string, unknown, string]>([
    ["limits", "readCallsMax", "many", "LIMIT_READ_CALLS_MAX: must be a number"],
    ["limits", "nothing", 1, "there is no such setting"],
    ["server", "host", "0.0.0.0", "in the file itself"],
    ["server", "adminSecret", "x".repeat(20), "in the file itself"],
    ["limits", "bodyBytesMax", 1, "set by the environment"],
    ["limits", "readCallsMax", "${ADMIN_SECRET}", "a reference"],
    ["limits", "readCallsMax", "[REDACTED]", "hidden value"],
  ])("%s.%s as %j", async (section, key, value, message) => {
    const text = "limits: { readCallsMax: 7 }\n";
    await open(text, { LIMIT_BODY_BYTES_MAX: "5", ADMIN_SECRET: "s" });
    await expect(patch(section, key, value)).rejects.toMatchObject({
      code: "invalid_input",
      issues: [{ message: expect.stringContaining(message) }],
    });
    expect(await readFile(path, "utf8")).toBe(text);
    expect([live, told]).toEqual([[], []]);
  });
});

test("patches at once are all made, one on the other", async () => {
  await open("");
  await Promise.all([patch("limits", "readCallsMax", 1), patch("limits", "bodyBytesMax", 2), patch("limits", "readCallsMax", 3)]);
  expect(live).toEqual([1, 3]);
  expect(await readFile(path, "utf8")).toMatch(/readCallsMax: 3[^]*bodyBytesMax: 2|bodyBytesMax: 2[^]*readCallsMax: 3/);
});

test("a rollback gives what was then, as another change; the differences say what; old entries go", async () => {
  await open("limits: { readCallsMax: 1 }\n");
  const { id } = await patch("limits", "readCallsMax", 2);
  await patch("limits", "readCallsMax", 3);
  expect(await keeper.diff(id ?? "")).toMatchObject([{ path: READ_MAX, before: 2, after: 3 }]);
  const back = await keeper.rollback(id ?? "", "operator");
  expect(back.changes).toMatchObject([{ before: 3, after: 2 }]);
  expect(live).toEqual([2, 3, 2]);
  expect(await keeper.history({ limit: 10 })).toHaveLength(3);
  await expect(keeper.rollback("../../etc/passwd", "x")).rejects.toMatchObject({ code: "not_found" });
});

test("a file that is changed by hand is taken up; one that is wrong is not, and says so; it may be put in place whole", async () => {
  await open("limits: { readCallsMax: 1 }\n");
  await writeFile(path, "limits: { readCallsMax: 2 }\n");
  await vi.waitFor(() => expect(live).toEqual([2]), { timeout: 10_000 });
  await writeFile(path, "limits: { readCallsMax: many }\nnonsense: {}\n");
  await vi.waitFor(() => expect(said).toContain("the configuration file is wrong; what held goes on"), { timeout: 10_000 });
  expect(keeper.get("limits").config.limits).toMatchObject({ readCallsMax: 2 });
  const beside = join(folder, "other");
  await writeFile(beside, "limits: { readCallsMax: 4 }\n");
  await rename(beside, path);
  await vi.waitFor(() => expect(live).toEqual([2, 4]), { timeout: 10_000 });
  expect(told.map(({ id, by }) => [id, by])).toEqual([
    [null, "file"],
    [null, "file"],
  ]);
});

test("what is shown has no secrets, and the schema has every setting", async () => {
  await open("server: { adminSecret: '${SECRET_OF_OURS}' }\n", { SECRET_OF_OURS: "hidden" });
  expect(JSON.stringify(keeper.get())).not.toContain("hidden");
  expect(keeper.get("server").config).toEqual({ server: { host: undefined, adminSecret: "[REDACTED]" } });
  expect(keeper.schema("limits")).toMatchObject({ properties: { limits: { properties: { readCallsMax: { type: "integer" } } } } });
  expect(() => keeper.get("nothing")).toThrow("There is no section nothing: server, limits.");
});

test("a start with a file that is wrong fails with the whole list", async () => {
  await open("");
  await expect(open("limits: { nothing: 1, readCallsMax: '${GONE}' }\n")).rejects.toThrow(/limits.nothing: [^]*limits.readCallsMax: /);
});
