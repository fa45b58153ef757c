import { limitsFrom } from "@parley/contracts";
import { createLog, createMetrics } from "@parley/telemetry";
import { compose, type Decorate } from "./compose.ts";
import type { Config } from "./config.ts";
import { followConfig } from "./follow-config.ts";
import { serveMetrics } from "./serve-metrics.ts";

/** Resolves when the worker serves; from then on a signal lets it finish what it can within its grace, and ends the process. */
export async function run(config: Config, decorate?: Decorate): Promise<void> {
  const log = createLog({ level: config.LOG_LEVEL, name: "worker" });
  const metrics = createMetrics();
  const limits = limitsFrom(config);
  const keeper = await followConfig({ config, log, limits });
  const worker = compose({ config, log, metrics, limits, decorate });
  const server =
    config.WORKER_PORT === undefined ? undefined : await serveMetrics({ host: config.HOST, port: config.WORKER_PORT, metrics });
  await worker.start();
  log.info({ queues: config.WORKER_QUEUES, concurrency: config.WORKER_CONCURRENCY, port: server?.port }, "worker started");

  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "worker stops");
    keeper?.close();
    await worker.close();
    await server?.close();
    log.info({}, "worker stopped");
    process.exit(0);
  };
  process.on("SIGHUP", () => void keeper?.reload());
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
}
