import { createContext, Script } from "node:vm";
import { z } from "zod";
import { isObject } from "./is-object.ts";

/** Patterns and alternatives of somebody's schema can take for ever; nothing else of the process runs meanwhile. */
const CHECK_MS = 50;
/** Where the processor was busy with others it is tried again: a call that fits must not be refused for that. */
const TRIES_MAX = 10;
/** Deeper arguments could be neither kept nor sent. */
const DEPTH_MAX = 64;

type JsonSchema = Record<string, unknown>;
type Checked = { ok: true; value: Record<string, unknown> } | { ok: false; why: string };

/**
 * Holds a call's arguments against the tool's JSON Schema. They stay as they are: defaults are not filled in. `why` is for the model
 * to read.
 */
export function checkToolArguments(parameters: JsonSchema, given: unknown): Checked {
  if (!isObject(given)) return { ok: false, why: "The arguments are no object." };
  if (isDeeper(given, DEPTH_MAX)) return { ok: false, why: `The arguments are nested more than ${DEPTH_MAX} levels deep.` };
  const parsed = withinBound(() => compile(parameters).safeParse(given));
  if (!parsed.ok) return parsed;
  return parsed.value.success ? { ok: true, value: given } : { ok: false, why: z.prettifyError(parsed.value.error) };
}

/** Why no arguments can be checked against such a schema, in words for who wrote it; null where they can. */
export function unreadableParameters(parameters: JsonSchema): string | null {
  const compiled = withinBound(() => compile(parameters));
  return compiled.ok ? null : compiled.why;
}

/** A registry of its own, as the common one keeps every schema that has an `id`. */
const compile = (parameters: JsonSchema): z.ZodType => z.fromJSONSchema(withoutFormats(parameters), { registry: z.registry() });

/** `format` only describes, says JSON Schema, and many a valid id or address would not pass for one. A string by that name is the keyword; a property's schema is none. */
const withoutFormats = (parameters: JsonSchema): JsonSchema =>
  JSON.parse(JSON.stringify({ type: "object", ...parameters }), (key, value) =>
    key === "format" && typeof value === "string" ? undefined : value,
  );

const room = createContext({ work: null as (() => unknown) | null });
const script = new Script("work()");

/** Runs work that was never asked for time, and ends it where it takes too much: also inside a regular expression. About 0.3 ms. */
function withinBound<Value>(work: () => Value): { ok: true; value: Value } | { ok: false; why: string } {
  room.work = work;
  const before = process.threadCpuUsage();
  try {
    for (let tries = 1; ; tries += 1) {
      try {
        return { ok: true, value: script.runInContext(room, { timeout: CHECK_MS }) };
      } catch (error) {
        if (!isTimeout(error))
          return { ok: false, why: `The tool's schema cannot be read: ${error instanceof Error ? error.message : String(error)}` };
        if (tries === TRIES_MAX || usedMs(before) > CHECK_MS / 2)
          return { ok: false, why: "The arguments take too long to check against the tool's schema." };
      }
    }
  } finally {
    room.work = null;
  }
}

/** An error of the script's own realm, so no `Error` of ours. */
const isTimeout = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";

function usedMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === "object" && value !== null && (levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1)));
