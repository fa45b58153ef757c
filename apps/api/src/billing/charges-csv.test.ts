import type { Charge } from "@parley/contracts";
import { expect, it, test } from "vitest";
import { chargesCsv } from "./charges-csv.ts";

const CHARGE: Charge = {
  ...{
    at: "2026-03-01T12:00:00.123Z",
    sourceType: "direct",
    sourceId: "one",
    transactionId: null,
    payer: "customer",
    amountMicros: 1_250_000,
  },
  ...{ priceId: null, assumed: false, principalId: "key_one", agentId: null, userId: null, conversationId: null, turnId: null },
  ...{ model: "local/echo", inputTokens: 1, outputTokens: 2, cachedTokens: 0, reasoningTokens: 0, estimated: false, audioMs: 0, images: 0 },
  registered: false,
  saleId: null,
};

async function rowsOf(...charges: Partial<Charge>[]): Promise<{ text: string; rows: Record<string, string>[] }> {
  let text = "";
  async function* parts() {
    yield charges.map((charge) => ({ ...CHARGE, ...charge }));
  }
  for await (const piece of chargesCsv(parts())) text += piece;
  const [head = "", ...lines] = text.slice(1).trimEnd().split("\r\n");
  const names = head.split(",");
  return { text, rows: lines.map((line) => Object.fromEntries(line.split(",").map((value, index) => [names[index] ?? "", value]))) };
}

test("a spreadsheet reads it as it is: what it is written in, times, and amounts with their currency", async () => {
  const { text, rows } = await rowsOf({}, { amountMicros: -250_000, sourceType: "refund" }, { amountMicros: 7 });
  expect(text.startsWith("\uFEFFat,source_type,source_id,payer,amount_micros,amount,currency,transaction_id,")).toBe(true);
  expect(rows.map(({ at, amount_micros, amount, currency }) => [at, amount_micros, amount, currency])).toEqual([
    ["2026-03-01 12:00:00.123", "1250000", "1.250000", "usd"],
    ["2026-03-01 12:00:00.123", "-250000", "-0.250000", "usd"],
    ["2026-03-01 12:00:00.123", "7", "0.000007", "usd"],
  ]);
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\uFF1D1", "\u00A0-1"])("a user who is called %j is no formula", async (userId) => {
  const { rows } = await rowsOf({ userId });
  expect(rows[0]?.["user_id"]).toBe(`'${userId}`);
});

test("what a name has of separators, quotes and lines stays in its cell", async () => {
  const { text } = await rowsOf({ userId: 'a "b",c\n=1' }, { userId: "a;=1" }, { userId: "\n=1" });
  expect(text).toContain(',"a ""b"",c\n=1",');
  expect(text).toContain(',"a;=1",');
  expect(text).toContain(',"\'\n=1",');
});

async function cellsOf(model: string | null): Promise<string> {
  async function* parts() {
    yield [{ at: "t", sourceType: "turn", amountMicros: -5, model } as Charge];
  }
  let text = "";
  for await (const piece of chargesCsv(parts())) text += piece;
  expect(text[0]).toBe("\uFEFF");
  const [head = "", line = "", ...rest] = text.slice(1).split("\r\n");
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
