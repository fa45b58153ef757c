import { readFileSync, writeFileSync } from "node:fs";

/**
 * npm leaves a platform package out of the lock file when the registry at hand does not serve it for the platform it
 * writes the file on, and `npm ci` then refuses the whole file. This adds the missing entries: name, version and platform,
 * without a checksum, as npm itself would read them. They are only ever fetched on their own platform.
 */
const lockFile = new URL("../../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(lockFile, "utf8"));

const added = missingPlatformPackages(lock.packages);
for (const { name, entry } of added) lock.packages[`node_modules/${name}`] = entry;
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([left], [right]) => (left < right ? -1 : 1)));
if (added.length > 0) writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`lock file: ${added.length} platform packages added`);

function missingPlatformPackages(packages) {
  const missing = new Map();
  for (const [path, parent] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      if (missing.has(name) || isLocked(packages, path, name)) continue;
      const { cpu, libc, os } = platformOf(name);
      const entry = {
        version: version.replace(/^[\^~]/, ""),
        cpu,
        ...(parent.dev && { dev: true }),
        ...(libc && { libc }),
        optional: true,
        os,
      };
      missing.set(name, { name, entry });
    }
  }
  return [...missing.values()];
}

/** npm looks for a package beside its user, then in each folder above. */
function isLocked(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    if (packages[at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`] !== undefined) return true;
    if (at === "") return false;
  }
}

/** The platform as its package's name tells it, for example `linux-x64-musl` or `win32-arm64-msvc`. */
function platformOf(name) {
  const words = name.split(/[-/]/);
  const os = words.includes("windows")
    ? "win32"
    : ["android", "darwin", "freebsd", "linux", "openharmony", "win32"].find((known) => words.includes(known));
  const cpu = words.includes("64")
    ? "x64"
    : ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "x64"].find((known) => words.includes(known));
  if (os === undefined || cpu === undefined) throw new Error(`lock file: ${name} is missing and its name tells no platform`);
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : words.includes("gnu") && os === "linux" ? ["glibc"] : undefined;
  return { cpu: [cpu], os: [os], libc };
}
