import { parse } from "yaml";
import { z } from "zod";

/** A way of working that the operator has written down: told when it is asked for. */
export interface Recipe {
  name: string;
  description: string;
  tags: string[];
  /** What the words of a request may be that it is for. */
  triggers: string[];
  body: string;
}

const words = z.array(z.string().max(60)).max(20).default([]);

const head = z.object({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,119}$/, "must be letters, digits, spaces, `.`, `_` and `-`")
    .refine((name) => !name.startsWith("call_"), "must not begin with call_, as tools of agents do"),
  description: z.string().min(1).max(500),
  tags: words,
  triggers: words,
});

const SHAPE = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?([\s\S]*)$/;

/** A recipe from its file: a head in YAML between two lines of `---`, then the text. Throws what is wrong with it. */
export function readRecipe(text: string, fileName: string): Recipe {
  const [, given, body] = SHAPE.exec(text) ?? [];
  if (given === undefined || body === undefined) throw new Error("it has no head between two lines of ---");
  const parsed = head.safeParse({ name: fileName, ...(parse(given) as object) });
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return { ...parsed.data, body: body.trim() };
}
