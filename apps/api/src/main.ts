import { createLog, createMetrics } from "@parley/telemetry";
import { readConfig } from "./config.ts";
import { start } from "./start.ts";

/** When stopping takes longer than its bounds together, something hangs, and the process goes without it. */
const STOP_MARGIN_MS = 10_000;

async function main(): Promise<void> {
  const config = readConfig();
  const log = createLog({ level: config.LOG_LEVEL, name: "api" });
  const api = await start(config, log, createMetrics());
  if (config.AUTH_DISABLED) log.warn({ host: config.HOST }, "authentication is off: everyone on this machine may do everything");
  log.info({ url: api.url }, "the front door is open");

  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping");
    setTimeout(() => process.exit(1), config.API_GRACE_MS + STOP_MARGIN_MS).unref();
    await api.stop();
    log.info({}, "stopped");
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      stop(signal).catch((error: unknown) => {
        log.error({ error }, "stopping failed");
        process.exit(1);
      });
    });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
