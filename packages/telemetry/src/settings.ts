import { z } from "zod";
import { LOG_LEVELS } from "./log.ts";

/** The environment variables that logs need. */
export const telemetrySettings = z.object({
  LOG_LEVEL: z.enum(LOG_LEVELS).default("info"),
});
