import { readConfig } from "./config.ts";
import { run } from "./run.ts";

try {
  await run(readConfig());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
