import type { Charge } from "@parley/contracts";
import { expect, it } from "vitest";
import { chargesCsv } from "./charges-csv.ts";

async function cellsOf(model: string | null): Promise<string> {
  async function* parts() {
    yield [{ at: "t", sourceType: "turn", amountMicros: -5, model } as Charge];
  }
  let text = "";
  for await (const piece of chargesCsv(parts())) text += piece;
  const [head = "", line = "", ...rest] = text.split("\r\n");
  expect([head.split(",").slice(0, 5), rest]).toEqual([["at", "source_type", "source_id", "payer", "amount_micros"], [""]]);
  return line;
}

it("what callers have named is text: no spreadsheet takes it for a formula, and an amount below zero stays a number", async () => {
  for (const model of ["=1+1", "+1", "-1", "@x", "\tx"]) expect(await cellsOf(model)).toContain(`,'${model},`);
  expect(await cellsOf("a/b")).toMatch(/^t,turn,.*,-5,.*,a\/b,/);
});

it("a cell with a comma, a quote or the end of a line is quoted", async () => {
  expect(await cellsOf('a"b')).toContain(',"a""b",');
  expect(await cellsOf("a,b")).toContain(',"a,b",');
  expect(await cellsOf("a\nb")).toContain(',"a\nb",');
});
