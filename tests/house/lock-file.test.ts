import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

interface Locked {
  version?: string;
  link?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const root = join(import.meta.dirname, "..", "..");
const read = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8")) as Record<string, unknown>;
const packages = read("package-lock.json")["packages"] as Record<string, Locked>;

/** Where npm would find a package for the one at that path. */
function found(path: string, name: string): Locked | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) {
    const there = packages[at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`];
    if (there || at === "") return there;
  }
}

test("the lock file names every package it refers to, for every platform: `npm ci` accepts it", () => {
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !found(path, name)),
  );
  expect(missing, "run `npm run lock`").toEqual([]);
});

test("every version of ours is exact, and the one in the lock file", () => {
  const ours = Object.keys(packages).filter((path) => !path.includes("node_modules"));
  expect(ours.length).toBeGreaterThan(10);
  for (const path of ours) {
    const manifest = read(join(path, "package.json")) as Locked;
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    for (const [name, version] of Object.entries(wanted)) {
      expect(version, `${name} in ${path}`).toMatch(/^(npm:@?[^@]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/);
      const locked = found(path, name);
      if (!locked?.link) expect(locked?.version, `${name} in ${path}`).toBe(version.split("@").at(-1));
    }
  }
});
