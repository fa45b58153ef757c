import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { countsOf } from "./counts.ts";
import { runChecks } from "./run-checks.ts";

const root = join(import.meta.dirname, "..", "..");
const reportFile = join(root, "reports", "vitest.json");
/** `npm test` is the checks and all but the long tests; a name in front of the other arguments chooses one kind alone. */
const [first, ...others] = process.argv.slice(2);
const only = first === "unit" || first === "long" ? first : null;
const given = only === null && first !== undefined ? [first, ...others] : others;
const quick = ["unit", "apart"];
const projects = only === "long" ? ["long"] : [...quick, ...(only === null ? ["system"] : [])];
const vitestArgs = [...projects.flatMap((name) => ["--project", name]), ...given];

rmSync(reportFile, { force: true });
mkdirSync(join(root, "reports"), { recursive: true });
// Many tests wait most of their time, so the checks cost little beside them.
const [isChecked, exitCode] = await Promise.all([only !== null || runChecks(root, { areBesideTests: true }), runVitest(vitestArgs)]);

const counts = countsOf(reportFile, exitCode);
const failed = counts.failed + (isChecked ? 0 : 1);
if (!isChecked) process.stdout.write("The checks failed, and count as one failure.\n");
process.exitCode = failed === 0 ? 0 : 1;
process.stdout.write(`${counts.passed} passed, ${failed} failed\n`);

function runVitest(extra: string[]): Promise<number | null> {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [vitest, "run", ...reporters, ...extra], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    // The runner stops its servers when it is told to end; we wait for that.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    child.once("error", () => resolve(null));
    child.once("exit", (code) => resolve(code));
  });
}
