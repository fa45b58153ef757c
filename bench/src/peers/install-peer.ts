import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PEERS = new URL("../../peers/", import.meta.url);
const INSTALL_MS = 300_000;

/**
 * Installs a peer at its exact versions into a folder of its own, once; copies the named programs beside it. Answers the
 * folder. What is installed is no dependency of ours and is not committed.
 */
export async function installPeer(
  name: string,
  manifest: { dependencies: Record<string, string>; overrides?: Record<string, string> },
  programs: readonly string[] = [],
): Promise<string> {
  const folder = fileURLToPath(new URL(name, PEERS));
  await mkdir(folder, { recursive: true });
  for (const program of programs) await copyFile(fileURLToPath(new URL(program, import.meta.url)), join(folder, program));
  const wanted = JSON.stringify({ name: `bench-${name}`, private: true, type: "module", ...manifest }, null, 2);
  const stamp = join(folder, "installed.json");
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return folder;
  console.error(`Installing ${name} into its own folder.`);
  await writeFile(join(folder, "package.json"), wanted);
  // Peer ranges of these packages contradict one another; what is listed is what runs.
  await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--legacy-peer-deps", "--ignore-scripts"], {
    cwd: folder,
    timeout: INSTALL_MS,
  });
  await writeFile(stamp, wanted);
  return folder;
}
