import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * Brings `node_modules` to what the lock file says, when it is not. Returns false where npm could not; its words are printed then.
 * Scripts of dependencies are not needed and not run.
 */
export function installed(root) {
  if (isCurrent(root)) return true;
  const startedMs = performance.now();
  process.stdout.write("  Packages                 installing what the lock file names\n");
  const { status, stdout, stderr } = runNpm(root, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ""}${stderr ?? ""}\nThe packages could not be installed: npm ci failed, see above.\n`);
    return false;
  }
  process.stdout.write(`  ${"Packages".padEnd(24)} ${"installed".padEnd(44)} ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`);
  return true;
}

/** npm writes down what it installed once it is done: whatever is there must be of the lock file's version, and all that must be there is. */
function isCurrent(root) {
  const written = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(written)) return false;
  const present = JSON.parse(readFileSync(written, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, optional, peer, link }]) => {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) return true;
    const there = present[path];
    return there === undefined ? optional || peer || false : link || there.version === version;
  });
}

/** The machine's own npm, run by its own Node: the one in `node_modules` is about to be replaced. */
function runNpm(root, args) {
  const own = join(root, "node_modules", ".bin");
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== own);
  return spawnSync("npm", args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, PATH: path.join(delimiter) },
    shell: process.platform === "win32",
    maxBuffer: 64 * 1024 * 1024,
  });
}
