import { readConfig } from "./config.ts";
import { run } from "./run.ts";

try {
  await run(readConfig());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
