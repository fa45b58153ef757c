import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..", "..");
const CONFIGURATIONS = [
  "biome.json",
  ".oxlintrc.json",
  "scripts/lint",
  ".dependency-cruiser.mjs",
  "knip.json",
  "tsconfig.json",
  ".gitignore",
];

/** A few rooms that follow every rule: what a tool finds in here was planted. */
const ROOMS = [
  "packages/contracts",
  "packages/domain",
  "packages/db",
  "packages/egress",
  "packages/queue",
  "packages/redis",
  "packages/testkit",
  "apps/api",
  "apps/worker",
];

export interface SmallHouse {
  /** Writes files by path; gives back their removal. */
  plant(files: Record<string, string>): () => void;
  run(program: string, args: string[]): { status: number | null; output: string };
  remove(): void;
}

/** A small checkout of its own, with our configuration and our installed tools. */
export function createSmallHouse(): SmallHouse {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "parley-house-")));
  for (const file of CONFIGURATIONS) cpSync(join(root, file), join(folder, file), { recursive: true });
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };

  write("package.json", json({ name: "parley", private: true, type: "module", workspaces: ["apps/*", "packages/*"] }));
  for (const room of ROOMS) {
    const name = room.split("/")[1] ?? "";
    const isApp = room.startsWith("apps/");
    write(
      `${room}/package.json`,
      json({ name: `@parley/${name}`, private: true, type: "module", ...(isApp ? {} : { exports: { ".": "./src/index.ts" } }) }),
    );
    write(`${room}/src/${isApp ? "main" : "index"}.ts`, `export const room = "${name}";\n`);
  }
  write("tests/room.test.ts", 'import { test } from "vitest";\n\ntest("stands", () => {});\n');
  linkPackages(folder);

  return {
    plant(files) {
      for (const [path, text] of Object.entries(files)) write(path, text);
      return () => {
        for (const path of Object.keys(files)) rmSync(join(folder, path));
      };
    },
    run(program, args) {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "node_modules", program), ...args], {
        cwd: folder,
        encoding: "utf8",
      });
      return { status, output: `${stdout}${stderr}` };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** All that is installed, but our own packages from here. */
function linkPackages(folder: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@parley"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name !== "@parley" && !name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  for (const room of ROOMS) symlinkSync(join(folder, room), join(modules, "@parley", room.split("/")[1] ?? ""));
}

const json = (content: object): string => `${JSON.stringify(content, null, 2)}\n`;
