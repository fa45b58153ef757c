import { spawn } from "node:child_process";
import { join } from "node:path";

/** The tasks of turbo.json: those of the whole house, and `check:client`, which builds the published package and looks into it. */
const TASKS = ["check:format", "check:lint", "check:types", "check:boundaries", "check:dead", "check:client"];

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Formatter, linter, types, boundaries and dead code, side by side; what did not change since the last time is not done again. */
export function runChecks(root: string): Promise<boolean> {
  const turbo = join(root, "node_modules", ".bin", "turbo");
  const args = ["run", ...TASKS, "--continue=dependencies-successful", "--output-logs=errors-only", "--no-update-notifier"];
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
  return new Promise((resolve) => {
    const child = spawn(turbo, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", () => resolve(false));
    // Told to end, we end turbo too, which would go on alone. Always by SIGTERM: on SIGINT it waits for its tasks, half a minute.
    const end = () => {
      child.removeAllListeners("exit").once("exit", () => process.exit(1));
      child.kill("SIGTERM");
    };
    for (const signal of SIGNALS) process.on(signal, end);
    child.once("exit", (code) => {
      for (const signal of SIGNALS) process.off(signal, end);
      resolve(code === 0);
    });
  });
}
