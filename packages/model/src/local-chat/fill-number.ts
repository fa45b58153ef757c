import type { JsonSchema } from "@parley/domain";

const bound = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** The first number of the text that the schema takes, else the smallest that it takes, else the largest, else 0. */
export const fillNumber = (schema: JsonSchema, text: string): number => {
  const integer = schema.type === "integer" || (Array.isArray(schema.type) && schema.type.includes("integer"));
  const step = bound(schema.multipleOf) ?? (integer ? 1 : null);
  const nudge = step ?? 1e-6;
  const above = bound(schema.exclusiveMinimum);
  const below = bound(schema.exclusiveMaximum);
  const least = Math.max(bound(schema.minimum) ?? Number.NEGATIVE_INFINITY, above === null ? Number.NEGATIVE_INFINITY : above + nudge);
  const most = Math.min(bound(schema.maximum) ?? Number.POSITIVE_INFINITY, below === null ? Number.POSITIVE_INFINITY : below - nudge);
  const onStep = (value: number) => step === null || Math.abs(value / step - Math.round(value / step)) < 1e-9;
  const fits = (value: number) => value >= least && value <= most && onStep(value);

  const said = (text.slice(0, 4_096).match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number).find(fits);
  if (said !== undefined) return said;
  if (fits(0) && least === Number.NEGATIVE_INFINITY) return 0;
  if (Number.isFinite(least)) return step === null ? least : Math.ceil(least / step - 1e-9) * step;
  if (Number.isFinite(most)) return step === null ? most : Math.floor(most / step + 1e-9) * step;
  return 0;
};
