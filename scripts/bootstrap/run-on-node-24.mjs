import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { onOrphaned } from "./on-orphaned.mjs";

const MAJOR_VERSION_MIN = 24;

/** Runs a TypeScript file on Node 24 or newer: here, when this is one, else on the one that npm brought. Ends as it ends. */
export async function runOnNode24(root, file) {
  const cache = join(root, ".parley", "compile-cache");
  process.env.NODE_COMPILE_CACHE ??= cache;
  const script = join(root, file);

  if (Number(process.versions.node.split(".")[0]) >= MAJOR_VERSION_MIN) {
    module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
    await import(pathToFileURL(script).href);
    return;
  }

  const node = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
  if (!existsSync(node)) {
    process.stderr.write(
      `Node ${MAJOR_VERSION_MIN} is needed and npm has none for ${process.platform} ${process.arch}: install it, then run this again.\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: "inherit" });
  // At a terminal both get the signal; sent to us alone, it is for the child. Either way we end when it has ended.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal === "SIGINT" ? "SIGTERM" : signal));
  onOrphaned(() => child.kill("SIGTERM"));
  child.once("error", (error) => {
    process.stderr.write(`Node ${MAJOR_VERSION_MIN} cannot be run from ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.once("exit", (code) => process.exit(code ?? 1));
}
