import { createLog, createMetrics } from "@parley/telemetry";
import type { Decorate } from "./compose.ts";
import type { Config } from "./config.ts";
import { start } from "./start.ts";

/** When stopping takes longer than its bounds together, something hangs, and the process goes without it. */
const STOP_MARGIN_MS = 10_000;

/** Resolves when the front door is open; from then on a signal closes it and ends the process. */
export async function run(config: Config, decorate?: Decorate): Promise<void> {
  const log = createLog({ level: config.LOG_LEVEL, name: "api" });
  const api = await start({ config, log, setLogLevel: log.setLevel, metrics: createMetrics(), decorate });
  if (config.AUTH_DISABLED) log.warn({ host: config.HOST }, "authentication is off: everyone on this machine may do everything");
  log.info({ url: api.url }, "the front door is open");

  process.on("SIGHUP", () => void api.keeper?.reload());

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
