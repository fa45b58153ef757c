import type { Charge } from "@parley/contracts";

const COLUMNS = [
  "at",
  "sourceType",
  "sourceId",
  "payer",
  "amountMicros",
  "priceId",
  "assumed",
  "principalId",
  "agentId",
  "userId",
  "conversationId",
  "turnId",
  "model",
  "inputTokens",
  "outputTokens",
  "cachedTokens",
  "reasoningTokens",
  "estimated",
  "audioMs",
  "images",
  "registered",
] as const satisfies (keyof Charge)[];

/** A cell that no spreadsheet takes for a formula: what callers have named is text. */
function cell(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const line = (cells: readonly string[]): string => `${cells.join(",")}\r\n`;

/** RFC 4180, a piece for each part that is read. */
export async function* chargesCsv(parts: AsyncIterable<Charge[]>): AsyncGenerator<string, void> {
  yield line(COLUMNS.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)));
  for await (const charges of parts) yield charges.map((charge) => line(COLUMNS.map((name) => cell(charge[name])))).join("");
}
