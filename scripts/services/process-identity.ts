import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * When the process was started, as the system tells it: with its id, this names one process for good, though ids are
 * used again. Null when no such process runs (one that has ended and only waits to be collected does not run).
 */
export function startedAt(pid: number): string | null {
  if (process.platform === "linux") return startedAtOnLinux(pid);
  const listed = spawnSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" });
  return listed.status === 0 ? listed.stdout.trim() : null;
}

function startedAtOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything, so fields are counted from behind it: state first, start time 20th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

/** The process's program and arguments, or null when no such process runs. */
export function commandOf(pid: number): string | null {
  const listed =
    process.platform === "linux" ? readOnLinux(pid) : spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).stdout;
  return listed?.trim() || null;
}

function readOnLinux(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return null;
  }
}
