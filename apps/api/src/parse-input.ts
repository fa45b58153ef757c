import { GatewayError } from "@parley/contracts";
import { issuesOf } from "@parley/router";
import type { z } from "zod";

/** The value as the schema has it. Throws `invalid_input` with every field that is wrong. */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) throw new GatewayError("invalid_input", { issues: issuesOf(result.error) });
  return result.data;
}
