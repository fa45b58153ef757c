/** The first so many UTF-16 units, without half of a pair at the end. */
export const cutText = (text: string, charsMax: number): string => text.slice(0, charsMax).replace(/[\uD800-\uDBFF]$/, "");
