/**
 * Text from outside, between marks that say what it is. What it holds cannot end the enclosure: its own such marks lose their bracket.
 */
export const enclosed = (mark: string, text: string): string =>
  `<${mark}>\n${text.replace(new RegExp(`<(?=\\s*/?\\s*${mark}\\b)`, "gi"), "‹")}\n</${mark}>`;
