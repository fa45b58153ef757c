import type { ErrorIssue } from "@parley/contracts";
import { GatewayError } from "@parley/contracts";
import type { z } from "zod";
import { isKeepable, UNKEEPABLE } from "../keepable-text.ts";

export type Place = "body" | "path" | "query" | "header";

/** Throws `invalid_input` with one issue per wrong field; its path starts with the place. Unknown fields are dropped. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, place: Place): z.output<Schema> {
  // Bodies are checked as they are read.
  if (place === "query" && !isKeepable(value)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw new GatewayError("invalid_input", { issues: result.error.issues.map((issue) => toIssue(issue, place)) });
}

function toIssue(issue: z.core.$ZodIssue, place: Place): ErrorIssue {
  const [code, message] = describe(issue);
  return { path: [place, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))], code, message };
}

const TYPES: Partial<Record<string, [code: string, noun: string]>> = {
  string: ["string_type", "string"],
  boolean: ["bool_type", "boolean"],
  number: ["float_type", "number"],
  int: ["int_type", "integer"],
  array: ["list_type", "list"],
  object: ["dict_type", "dictionary"],
  record: ["dict_type", "dictionary"],
};

/** The type and words that FastAPI's clients know, for an issue of ours. */
function describe(issue: z.core.$ZodIssue): [code: string, message: string] {
  switch (issue.code) {
    case "invalid_type": {
      if (issue.input === undefined) return ["missing", "Field required"];
      const [code, noun] = TYPES[issue.expected] ?? ["value_error", issue.expected];
      return [code, `Input should be a valid ${noun}`];
    }
    case "invalid_value":
      return ["enum", `Input should be ${issue.values.map((value) => `'${String(value)}'`).join(" or ")}`];
    case "invalid_format":
      if (issue.format === "guid") return ["uuid_parsing", "Input should be a valid UUID"];
      if (issue.format === "url") return ["url_parsing", "Input should be a valid URL"];
      return ["string_pattern_mismatch", issue.message];
    case "too_big":
      if (issue.origin === "string") return ["string_too_long", `String should have at most ${issue.maximum} characters`];
      if (issue.origin === "array") return ["too_long", `List should have at most ${issue.maximum} items`];
      return ["less_than_equal", `Input should be less than or equal to ${issue.maximum}`];
    case "too_small":
      if (issue.origin === "string") return ["string_too_short", `String should have at least ${issue.minimum} character`];
      return ["greater_than_equal", `Input should be greater than ${issue.inclusive ? "or equal to " : ""}${issue.minimum}`];
    default:
      return ["value_error", issue.message];
  }
}
