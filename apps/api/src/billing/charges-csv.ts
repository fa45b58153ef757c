import { type Charge, CURRENCY } from "@parley/contracts";

/** Beside the amount in micro-units that in whole ones, which adds up in a spreadsheet. */
const UNITS = "amount";
const COLUMNS = [
  "at",
  "sourceType",
  "sourceId",
  "payer",
  "amountMicros",
  UNITS,
  "currency",
  "transactionId",
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
  "saleId",
] as const satisfies (keyof Charge | typeof UNITS | "currency")[];

/** Without it a spreadsheet takes names beyond ASCII for something else. */
const BYTE_ORDER_MARK = "\uFEFF";
/** What a spreadsheet may take for the beginning of a formula, also behind blanks, and as wide letters. */
const FORMULA = /^[\s\0]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/;

/** A cell that no spreadsheet takes for a formula: what callers have named is text. */
function cell(value: string | number | boolean | null): string {
  if (value === null) return "";
  if (typeof value !== "string") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All six digits: nothing is rounded, and each line has as many. */
const unitsOf = (micros: number): string => {
  const digits = String(Math.abs(micros)).padStart(7, "0");
  return `${micros < 0 ? "-" : ""}${digits.slice(0, -6)}.${digits.slice(-6)}`;
};

/** Times as spreadsheets know them: in UTC, without the letters between. */
const timeOf = (at: string): string => at.replace("T", " ").replace("Z", "");

const line = (cells: readonly string[]): string => `${cells.join(",")}\r\n`;

function cellOf(charge: Charge, name: (typeof COLUMNS)[number]): string {
  if (name === "at") return timeOf(charge.at);
  if (name === UNITS) return unitsOf(charge.amountMicros);
  return cell(name === "currency" ? CURRENCY : charge[name]);
}

/** RFC 4180, a piece for each part that is read. */
export async function* chargesCsv(parts: AsyncIterable<Charge[]>): AsyncGenerator<string, void> {
  yield BYTE_ORDER_MARK + line(COLUMNS.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)));
  for await (const charges of parts) yield charges.map((charge) => line(COLUMNS.map((name) => cellOf(charge, name)))).join("");
}
