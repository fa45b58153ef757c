/** The marks between which texts from outside stand. */
const MARKS = [
  "agent_card",
  "earlier_turns",
  "file_content",
  "file_name",
  "memory",
  "record",
  "remote_content",
  "task_result",
  "tool_result",
  "webhook_value",
] as const;
type Mark = (typeof MARKS)[number];

const ANY_MARK = new RegExp(`<(?=\\s*/?\\s*(?:${MARKS.join("|")})\\b)`, "gi");

/** Text that can neither end an enclosure nor look like one of another kind: marks in it lose their bracket. */
export const withoutMarks = (text: string): string => text.replace(ANY_MARK, "‹");

/** Text from outside, between marks that say what it is. */
export const enclosed = (mark: Mark, text: string): string => `<${mark}>\n${withoutMarks(text)}\n</${mark}>`;
