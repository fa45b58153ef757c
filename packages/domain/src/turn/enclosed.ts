/** Text that cannot end an enclosure of that mark: its own such marks lose their bracket. */
export const withoutMark = (mark: string, text: string): string => text.replace(new RegExp(`<(?=\\s*/?\\s*${mark}\\b)`, "gi"), "‹");

/** Text from outside, between marks that say what it is. */
export const enclosed = (mark: string, text: string): string => `<${mark}>\n${withoutMark(mark, text)}\n</${mark}>`;
