import { afterAll, describe, expect, test } from "vitest";
import { createSmallHouse } from "./small-house.ts";
import { BOUNDARIES, LINT } from "./violations.ts";

const house = createSmallHouse();
afterAll(() => house.remove());

const lint = () => house.run("oxlint/bin/oxlint", ["--format=unix"]);
const cruise = () =>
  house.run("dependency-cruiser/bin/dependency-cruiser.mjs", ["apps", "packages", "tests", "--config", ".dependency-cruiser.mjs"]);
const format = () => house.run("@biomejs/biome/bin/biome", ["check", "--vcs-enabled=false", "--colors=off", "."]);
const types = () => house.run("typescript-7/bin/tsc", ["-p", "."]);
const knip = () => house.run("knip/bin/knip.js", ["--no-config-hints"]);

/** Plants what breaks the rules, and removes it whatever happens. */
function planted<Result>(files: Record<string, string>, look: () => Result): Result {
  const remove = house.plant(files);
  try {
    return look();
  } finally {
    remove();
  }
}

describe("a house that keeps the rules passes", () => {
  test.each([
    ["formatter", format],
    ["linter", lint],
    ["types", types],
    ["boundaries", cruise],
  ])("%s", (_, run) => {
    const { status, output } = run();
    expect(output).not.toMatch(/error/i);
    expect(status).toBe(0);
  });
});

test("every lint rule refuses the file that breaks it, and the environment may be read by an app's config.ts and by tests", () => {
  const reads = 'export const home = process.env["HOME"];\n';
  const allowed = { "apps/api/src/config.ts": reads, "packages/domain/src/home.test.ts": reads };
  const files = Object.assign({}, allowed, ...LINT.map((one) => one.files)) as Record<string, string>;
  const { status, output } = planted(files, lint);
  expect(status).toBe(1);
  for (const { rule, files: broken } of LINT) {
    for (const path of Object.keys(broken)) expect(partAbout(path, output), `${rule} in ${path}`).toContain(rule);
  }
  for (const path of Object.keys(allowed)) expect(partAbout(path, output)).toBe("");
});

test("every direction rule refuses the import that breaks it", () => {
  const files = Object.assign({}, ...BOUNDARIES.map((one) => one.files)) as Record<string, string>;
  const { status, output } = planted(files, cruise);
  expect(status).not.toBe(0);
  for (const { rule, files: broken } of BOUNDARIES) {
    const [path = ""] = Object.keys(broken);
    expect(output, `${rule} in ${path}`).toContain(`error ${rule}: ${path}`);
  }
});

test("the formatter refuses a file in other clothes, imports in disorder, and a file name that is not kebab-case", () => {
  const refused = {
    "packages/domain/src/spaces.ts": ["format", "export const  a = 'b'\n"],
    "packages/domain/src/order.ts": [
      "organizeImports",
      'import "./b.ts";\n\nimport { z } from "./z.ts";\nimport { a } from "./a.ts";\n\nexport { a, z };\n',
    ],
    "packages/domain/src/camelCase.ts": ["useFilenamingConvention", "export const a = 1;\n"],
  } as const;
  const files = Object.fromEntries(Object.entries(refused).map(([path, [, text]]) => [path, text]));
  const { status, output } = planted(files, format);
  expect(status).toBe(1);
  for (const [path, [rule]] of Object.entries(refused)) expect(output).toMatch(new RegExp(`${path}(:\\d+:\\d+)? \\S*${rule}`));
});

test("the compiler refuses wrong and absent values, types imported as values, and syntax that cannot be stripped", () => {
  const refused = {
    "packages/domain/src/wrong.ts": ["TS2322", "export const count: number = 'three';\n"],
    "packages/domain/src/absent.ts": ["TS2322", "export const first = (list: string[]): string => list[0];\n"],
    "packages/domain/src/type.ts": ["TS1484", 'import { PathLike } from "node:fs";\nexport type Place = PathLike;\n'],
    "packages/domain/src/enum.ts": ["TS1294", "export enum Colour {\n  Red,\n}\n"],
  } as const;
  const files = Object.fromEntries(Object.entries(refused).map(([path, [, text]]) => [path, text]));
  const { status, output } = planted(files, types);
  expect(status).not.toBe(0);
  for (const [path, [code]] of Object.entries(refused)) expect(output).toMatch(new RegExp(`${path}.* error ${code}:`));
});

test("knip refuses a file, an export and a dependency that nobody uses", () => {
  const files = {
    "packages/domain/src/nobody.ts": "export const alone = 1;\n",
    "packages/domain/src/half.ts": "export const used = 1;\nexport const unused = 2;\n",
    "packages/domain/src/index.ts": 'import { used } from "./half.ts";\n\nexport const room = used;\n',
    "packages/queue/package.json":
      '{ "name": "@parley/queue", "type": "module", "exports": { ".": "./src/index.ts" }, "dependencies": { "bullmq": "6.7.0" } }\n',
  };
  const { status, output } = planted(files, knip);
  expect(output).toMatch(/Unused files[\s\S]*nobody\.ts/);
  expect(output).toMatch(/Unused exports[\s\S]*unused/);
  expect(output).toMatch(/Unused dependencies[\s\S]*bullmq/);
  expect(status).toBe(1);
});

/** The linter's lines about a file. */
function partAbout(path: string, output: string): string {
  return output
    .split("\n")
    .filter((line) => line.startsWith(`${path}:`))
    .join("\n");
}
