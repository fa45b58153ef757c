import { join } from "node:path";
import { runChecks } from "./run-checks.ts";

if (!(await runChecks(join(import.meta.dirname, "..", ".."), { areBesideTests: false }))) process.exitCode = 1;
