const NUL = /\0/g;
const REPLACEMENT = "\uFFFD";
/** Deeper arguments than these are no arguments. */
const DEPTH_MAX = 64;

/** Postgres keeps neither NUL nor half a surrogate pair, and models send both. */
export const storableText = (text: string): string => withoutNul(text).toWellFormed();

/** The same for a piece of text whose other half of a pair may be in the next piece. */
export const withoutNul = (piece: string): string => piece.replace(NUL, REPLACEMENT);

/** JSON as text, and every string in it, made storable; text that is no JSON is only text. */
export function storableJson(text: string): string {
  const parsed = parseJson(text);
  return parsed === undefined ? storableText(text) : JSON.stringify(storable(parsed));
}

/** What the JSON means, `{}` where there is none; undefined where it is malformed or deeper than anyone needs. */
export function parseJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text === "" ? "{}" : text);
    return isDeeper(parsed, DEPTH_MAX) ? undefined : parsed;
  } catch {
    return undefined;
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** The same for every text in a value. Recurses. */
export function storable(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [storableText(name), storable(inner)]));
}
