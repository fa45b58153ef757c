import type { JsonSchema } from "@parley/domain";
import { cutText } from "./cut-text.ts";

/** Formats have fixed examples, so that the same prompt gives the same arguments on every day. */
const FORMATS: Record<string, string> = {
  date: "2026-01-01",
  "date-time": "2026-01-01T00:00:00Z",
  time: "00:00:00Z",
  duration: "P1D",
  email: "user@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  url: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/** Tried in turn where a pattern is asked for; after them the words of the text. */
const PATTERN_CANDIDATES = ["a", "A", "0", "1", "abc", "ABC", "a1", "2026-01-01", "00:00", "user@example.com", "https://example.com/"];
const WORDS_TRIED_MAX = 200;

const ofLength = (text: string, schema: JsonSchema): string => {
  const least = typeof schema.minLength === "number" ? schema.minLength : 0;
  const most = typeof schema.maxLength === "number" ? schema.maxLength : Number.POSITIVE_INFINITY;
  return cutText(text, most).padEnd(least, text === "" ? "-" : text);
};

const matching = (pattern: RegExp, text: string, schema: JsonSchema): string | null => {
  const whole = ofLength(text, schema);
  const words = text.split(/\s+/, WORDS_TRIED_MAX);
  const lengths = Array.from({ length: 40 }, (_, length) => ["0", "a", "A"].map((char) => char.repeat(length + 1))).flat();
  const fits = (candidate: string) => candidate === ofLength(candidate, schema) && pattern.test(candidate);
  return [whole, ...words, ...PATTERN_CANDIDATES, ...lengths].find(fits) ?? null;
};

const compile = (pattern: unknown): RegExp | null => {
  if (typeof pattern !== "string") return null;
  try {
    return new RegExp(pattern, "u");
  } catch {
    // A pattern of another dialect: the text goes in as it is.
    return null;
  }
};

/** What the user said, cut or padded to the schema's length; an example where the schema names a format or a pattern. */
export const fillString = (schema: JsonSchema, text: string): string => {
  const format = typeof schema.format === "string" && Object.hasOwn(FORMATS, schema.format) ? FORMATS[schema.format] : undefined;
  if (format !== undefined) return format;
  const pattern = compile(schema.pattern);
  if (pattern === null) return ofLength(text, schema);
  return matching(pattern, text.slice(0, 4_096), schema) ?? ofLength(text, schema);
};
