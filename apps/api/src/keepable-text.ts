/** How JSON must write what cannot be kept; a body without it is not searched. */
const SUSPECT = /\\u(?:0000|d[89a-f])/i;

const isText = (text: string): boolean => !text.includes("\u0000") && text.isWellFormed();

/** Whether no text in the value, names of members included, has a U+0000 or half a character: Postgres keeps neither. Recurses. */
export function isKeepable(value: unknown): boolean {
  if (typeof value === "string") return isText(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, inner]) => isText(name) && isKeepable(inner));
}

/** The same for a value that was just parsed from this JSON. */
export const isKeepableJson = (json: string, value: unknown): boolean => !SUSPECT.test(json) || isKeepable(value);

export const UNKEEPABLE = "Text may hold neither U+0000 nor half a character.";
