export { createLog, type LogLevel, type LogOptions } from "./log.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export { telemetrySettings } from "./settings.ts";
