import { isObject } from "@parley/contracts";
import { parse } from "yaml";
import { pathOf, pathText } from "./setting-path.ts";

/** What a file says: variables as an environment would have them, and all that is wrong with it. */
export interface FileSettings {
  values: Record<string, string>;
  problems: string[];
}

interface Reading {
  /** Every variable that a file may set. */
  names: readonly string[];
  /** What `${NAME}` stands for. */
  environment: Record<string, string | undefined>;
  /** The file is for other processes, too: what they alone know is left to them. */
  isShared?: boolean;
}

const CHARS_MAX = 1_048_576;
const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;

/** As an environment has it: a list with commas, anything deeper as JSON. Null: not set. */
function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((entry) => typeof entry !== "object")) return value.join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Reads YAML, of which JSON is a part. `${NAME}` in a text is that variable of the environment, `$${` is a plain `${`. */
export function readSettings(text: string, { names, environment, isShared = false }: Reading): FileSettings {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  const byPath = new Map(names.map((name) => [pathText(pathOf(name)), name]));

  const filled = (path: string, value: string): string =>
    value.replace(REFERENCE, (all, name: string | undefined) => {
      if (name === undefined) return "${";
      const found = environment[name];
      if (found === undefined) problems.push(`${path}: ${all} is not set in the environment`);
      return found ?? "";
    });

  let file: unknown;
  try {
    if (text.length > CHARS_MAX) throw new Error(`it has more than ${CHARS_MAX} characters`);
    file = parse(text, { maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return { values, problems: [`the file cannot be read: ${error instanceof Error ? error.message.split("\n", 1)[0] : "unknown"}`] };
  }
  if (!isObject(file)) return { values, problems: ["the file must have sections, such as `limits:`"] };
  for (const [section, members] of Object.entries(file)) {
    if (!isObject(members)) {
      problems.push(`${section}: is no section with settings in it`);
      continue;
    }
    for (const [key, value] of Object.entries(members)) {
      const path = pathText({ section, key });
      const name = byPath.get(path);
      const plain = asText(value);
      if (name === undefined) {
        if (!isShared) problems.push(`${path}: there is no such setting`);
      } else if (plain !== null) values[name] = filled(path, plain);
    }
  }
  return { values, problems };
}
