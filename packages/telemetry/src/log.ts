import type { Log } from "@parley/domain";
import { pino } from "pino";
import { redactFields, redactText } from "./redact.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  level: LogLevel;
  /** The process's name, on every line. */
  name: string;
  /** Where the lines go; standard output when absent, so that a program whose output is its answer can name `process.stderr`. */
  destination?: { write(line: string): void };
}

export interface AdjustableLog extends Log {
  /** For it and for the children that are made of it from then on. */
  setLevel(level: LogLevel): void;
}

/**
 * JSON lines: `level`, `time` (ISO 8601, UTC), `name`, `pid`, the fields, `message`. Secrets are hidden by the name of their
 * field and by their shape. Lines are written at once: the last ones before a crash are the ones that matter.
 */
export function createLog({ level, name, destination = process.stdout }: LogOptions): AdjustableLog {
  const log = pino(
    {
      level,
      name,
      base: { pid: process.pid },
      messageKey: "message",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redactFields, bindings: redactFields },
      hooks: { streamWrite: redactText },
    },
    destination,
  );
  return Object.assign(log, { setLevel: (level: LogLevel) => void (log.level = level) });
}
