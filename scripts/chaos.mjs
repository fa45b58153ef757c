import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { installed } from "./bootstrap/install.mjs";
import { runOnNode24 } from "./bootstrap/run-on-node-24.mjs";

// Runs on any Node from 18 on, with nothing installed: a fresh checkout has neither Node 24 nor packages.
const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (installed(root)) await runOnNode24(root, "tests/chaos/chaos.ts");
else process.exitCode = 1;
