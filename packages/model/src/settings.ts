import { z } from "zod";
import type { Provider } from "./provider.ts";

/** An empty variable is one that is not set. */
const blankIsUnset = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === "" ? undefined : value), schema.optional());

const key = blankIsUnset(z.string().trim().min(1).max(4_096));
const url = blankIsUnset(z.url({ protocol: /^https?$/ }).transform((text) => text.replace(/\/+$/, "")));

/** Which model providers there are. Each one that has a key, or a base URL of its own, can be used as `<provider>/<model>`. */
export const modelSettings = z.object({
  OPENROUTER_API_KEY: key,
  OPENROUTER_BASE_URL: url,
  OPENAI_API_KEY: key,
  OPENAI_BASE_URL: url,
  ANTHROPIC_API_KEY: key,
  ANTHROPIC_BASE_URL: url,
  GOOGLE_API_KEY: key,
  GOOGLE_BASE_URL: url,
  /** Any other OpenAI-compatible service, as provider `custom`. On a private address it needs its place in EGRESS_ALLOW too. */
  MODEL_BASE_URL: url,
  MODEL_API_KEY: key,
  /** Makes the vectors by which memories are found, as `<provider>/<model>`. */
  EMBEDDING_MODEL: z.string().min(1).max(200).default("local/embed"),
});

const aliases = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "Must be JSON." });
      return z.NEVER;
    }
  })
  .pipe(
    z.record(
      z.string().regex(/^(?!agent\/)[\x21-\x7e]{1,200}$/),
      z.union([
        z
          .string()
          .min(1)
          .transform((one) => [one]),
        z.array(z.string().min(1)).min(1).max(16),
      ]),
    ),
  )
  .transform((record) => new Map(Object.entries(record)));

/** What callers of the direct path may ask for. */
export const directSettings = z.object({
  /** JSON: a name, and the model or the models, in their order, that it stands for. */
  MODEL_ALIASES: blankIsUnset(aliases).transform((known) => known ?? new Map<string, string[]>()),
  /** Full names that `/v1/models` lists, with commas; a provider that has one here is not asked for its own list. */
  MODELS_LISTED: blankIsUnset(
    z.string().transform((text) =>
      text
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== ""),
    ),
  ).transform((known) => known ?? []),
});

export type ModelSettings = z.infer<typeof modelSettings>;

const KNOWN_URLS = {
  OPENROUTER: "https://openrouter.ai/api/v1",
  OPENAI: "https://api.openai.com/v1",
  ANTHROPIC: "https://api.anthropic.com/v1",
  GOOGLE: "https://generativelanguage.googleapis.com/v1beta/openai",
} as const;

const KNOWN_NAMES = Object.keys(KNOWN_URLS) as (keyof typeof KNOWN_URLS)[];

/** The providers that the settings switch on. */
export const modelProviders = (settings: Omit<ModelSettings, "EMBEDDING_MODEL">): Provider[] => {
  const known = KNOWN_NAMES.flatMap((name): Provider[] => {
    const apiKey = settings[`${name}_API_KEY`] ?? null;
    const ownUrl = settings[`${name}_BASE_URL`];
    if (apiKey === null && ownUrl === undefined) return [];
    const outputLimit = name === "OPENAI" ? "max_completion_tokens" : "max_tokens";
    return [{ name: name.toLowerCase(), baseUrl: ownUrl ?? KNOWN_URLS[name], apiKey, outputLimit }];
  });
  if (settings.MODEL_BASE_URL === undefined) return known;
  return [
    ...known,
    { name: "custom", baseUrl: settings.MODEL_BASE_URL, apiKey: settings.MODEL_API_KEY ?? null, outputLimit: "max_tokens" },
  ];
};
