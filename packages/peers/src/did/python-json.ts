/** What both languages write alike: fractions they do not, so there are none. */
type Writable = string | number | boolean | null | readonly Writable[] | { readonly [name: string]: Writable };

const byCodePoint = (one: string, other: string): number => Buffer.compare(utf32(one), utf32(other));

/** Compares as code points do; UTF-16 units would put an emoji before U+FFFF. */
const utf32 = (text: string): Buffer => {
  const points = [...text];
  const bytes = Buffer.alloc(points.length * 4);
  for (const [place, point] of points.entries()) bytes.writeUInt32BE(point.codePointAt(0) ?? 0, place * 4);
  return bytes;
};

/** Everything beyond `~` by its UTF-16 unit, DEL included, surrogates one by one. */
const escaped = (text: string): string =>
  JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * JSON as Python's `json.dumps(value, sort_keys=True)` writes it, character by character: what a peer in Python signs and checks. Throws a
 * `TypeError` for a number that is no safe integer.
 */
export function pythonJson(value: Writable): string {
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new TypeError(`Python may write ${value} otherwise.`);
  if (value === null || typeof value !== "object") return Object.is(value, -0) ? "0" : JSON.stringify(value);
  if (isList(value)) return `[${value.map(pythonJson).join(", ")}]`;
  const members = Object.entries(value).toSorted(([one], [other]) => byCodePoint(one, other));
  return `{${members.map(([name, member]) => `${escaped(name)}: ${pythonJson(member)}`).join(", ")}}`;
}

const isList = (value: object): value is readonly Writable[] => Array.isArray(value);
