import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 20;
const NS_PER_MS = 1_000_000;

/** Reads this process's own figures; watches the event loop from the call on. */
export function createProcessMetrics() {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // What has counted nothing yet has no least.
  const ms = (ns: number): number => (delay.count > 0 ? Math.round((ns / NS_PER_MS) * 100) / 100 : 0);
  return () => {
    const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
    return {
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      externalBytes: external,
      eventLoopDelayMs: {
        min: ms(delay.min),
        max: ms(delay.max),
        mean: ms(delay.mean),
        p50: ms(delay.percentile(50)),
        p99: ms(delay.percentile(99)),
      },
      activeHandles: process.getActiveResourcesInfo().length,
      uptimeSeconds: process.uptime(),
      timestamp: Date.now(),
    };
  };
}
