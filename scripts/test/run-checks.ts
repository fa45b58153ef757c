import { spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { join } from "node:path";

/** The tasks of turbo.json: those of the whole house, and `check:client`, which builds the published package and looks into it. */
const TASKS = ["check:format", "check:lint", "check:types", "check:boundaries", "check:dead", "check:openapi", "check:client"];

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/**
 * Formatter, linter, types, boundaries, dead code and the OpenAPI document, side by side; what did not change since the last time is not done again.
 * Beside the tests they take what those leave of the processor, and say all they have to say when they are done.
 */
export function runChecks(root: string, { areBesideTests }: { areBesideTests: boolean }): Promise<boolean> {
  const turbo = join(root, "node_modules", ".bin", "turbo");
  const args = ["run", ...TASKS, "--continue=dependencies-successful", "--output-logs=errors-only", "--no-update-notifier"];
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true", DO_NOT_TRACK: "1" };
  return new Promise((resolve) => {
    const output = areBesideTests ? "pipe" : "inherit";
    const child = spawn(turbo, args, { cwd: root, env, stdio: ["ignore", output, output] });
    if (areBesideTests && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    const said: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (words: Buffer) => said.push(words));
    // Told to end, we end turbo too, which would go on alone. Always by SIGTERM: on SIGINT it waits for its tasks, half a minute.
    const end = () => child.kill("SIGTERM");
    for (const signal of SIGNALS) process.on(signal, end);
    const settle = (isGood: boolean) => {
      for (const signal of SIGNALS) process.off(signal, end);
      process.stdout.write(Buffer.concat(said));
      resolve(isGood);
    };
    child.once("error", () => settle(false));
    child.once("close", (code) => settle(code === 0));
  });
}
