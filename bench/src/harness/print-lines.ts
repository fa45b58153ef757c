import { printTable } from "../measure/print-table.ts";
import { isMet, type Limit, type Line } from "./line.ts";

const COLUMNS = ["ours", "floor", "proxy", "direct", "Portkey", "LangGraph", "BullMQ"];

/** Prints every line beside its peers and limits; answers how many limits are missed. */
export function printLines(lines: readonly Line[]): number {
  const columns = COLUMNS.filter((name) => lines.some(({ values }) => values.has(name)));
  const show = (value: number | undefined, decimals: number) => (value === undefined ? "" : value.toFixed(decimals));
  const verdict = (line: Line, limit: Limit) => {
    const met = isMet(limit, line.values.get("ours"));
    if (met === null) return `not measured: ${limit.text}`;
    return `${met ? "met" : "MISSED"}: ${limit.direction} ${limit.value.toFixed(line.decimals)} (${limit.text})`;
  };
  printTable([
    ["goal", "what", ...columns, "limit"],
    ...lines.map((line) => [
      line.goal,
      line.what,
      ...columns.map((name) => show(line.values.get(name), line.decimals)),
      line.limits.map((limit) => verdict(line, limit)).join("; "),
    ]),
  ]);
  return lines.flatMap(({ limits, values }) => limits.filter((limit) => isMet(limit, values.get("ours")) === false)).length;
}
