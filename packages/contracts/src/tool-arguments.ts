import { createHash } from "node:crypto";
import { z } from "zod";
import { askUserQuestions } from "./question.ts";

/** What the model passes to a downstream agent's tool. */
export const dispatchArguments = z.object({
  query: z.string().min(1),
  /** Do not wait; offered only where the model may choose. */
  background: z.boolean().nullish(),
});

/** The questions' schema as models are shown it. */
export const ASK_USER_QUESTIONS_SCHEMA: Record<string, unknown> = z.toJSONSchema(askUserQuestions, { io: "input", target: "draft-7" });

type Checked<Value> = { ok: true; value: Value } | { ok: false; why: string };

/** Checks a model's arguments; `why` is for the model to read. */
export function checkArguments<Schema extends z.ZodType>(schema: Schema, given: unknown): Checked<z.output<Schema>> {
  const parsed = schema.safeParse(given);
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, why: z.prettifyError(parsed.error) };
}

/** What an approval is bound to: SHA-256 of a call's arguments as JSON, hex. Members are in order, as Postgres keeps them in another. */
export const hashArguments = (given: unknown): string => createHash("sha256").update(JSON.stringify(given, inOrder)).digest("hex");

const inOrder = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
