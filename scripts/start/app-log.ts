import { readFileSync } from "node:fs";
import { lastWords } from "../services/child.ts";

const CONFIGURATION = "The configuration is wrong:";

/** Whether the app has written a line of its log, one JSON object, with this message. */
export function hasLogged(logFile: string, message: string): boolean {
  return readFileSync(logFile, "utf8")
    .split("\n")
    .some((line) => line.startsWith("{") && messageOf(line) === message);
}

/** Null for a line that is not written to its end yet. */
function messageOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { message?: unknown }).message;
  } catch {
    return null;
  }
}

/** Whether the app has ended and Node, told to watch its files, waits for one to change. */
export const waitsForChange = (logFile: string): boolean => /^Failed running /m.test(readFileSync(logFile, "utf8"));

/** What the app said last, on one line: all that is wrong with its configuration, or its error without the stack. */
export function finalWords(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").split("\n");
  const wrong = lines.findLastIndex((line) => line.startsWith(CONFIGURATION));
  if (wrong === -1) return lastWords(logFile, /^(?!Node\.js v|Failed running |[{}]?$)\S/);
  const rest = lines.slice(wrong + 1);
  const end = rest.findIndex((line) => !line.startsWith("  "));
  const issues = rest.slice(0, end === -1 ? undefined : end).map((line) => line.trim());
  return `${CONFIGURATION} ${issues.join("; ")}`;
}
