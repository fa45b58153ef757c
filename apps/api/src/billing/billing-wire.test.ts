import { listChargesInput, setPriceInput } from "@parley/contracts";
import { expect, it } from "vitest";
import {
  budgetBody,
  chargesQuery,
  creditBody,
  entriesQuery,
  exportQuery,
  pageQuery,
  paymentsQuery,
  priceBody,
  priceOf,
  pricesQuery,
  statementQuery,
} from "./billing-wire.ts";

it("a price, a budget or a credit with a field that is not known is refused: a misspelled rate would be none, a misspelled `hard` true", () => {
  const price = { kind: "model", name: "local/tts" };
  expect(priceBody.safeParse({ ...price, input_pico: 5 }).success).toBe(true);
  expect(priceBody.safeParse({ ...price, inputPico: 5 }).success).toBe(false);
  const budget = { scope: "organization", period: "day", limit_micros: 1 };
  expect([budgetBody.safeParse(budget).success, budgetBody.safeParse({ ...budget, hrad: false }).success]).toEqual([true, false]);
  const credit = { organization_id: "0198a000-0000-7000-8000-000000000009", amount_micros: 1, reference: "r" };
  expect([creditBody.safeParse(credit).success, creditBody.safeParse({ ...credit, amount: 1 }).success]).toEqual([true, false]);
});

it.each([
  ["statement", statementQuery, { bye: "model" }],
  ["statement, of who has paid", statementQuery, { payer: "outside" }],
  ["charges", chargesQuery, { by: "day" }],
  ["charges by their tRPC name", chargesQuery, { transactionId: "00000000-0000-4000-8000-000000000000" }],
  ["export, which has no parts", exportQuery, { limit: "1" }],
  ["payments", paymentsQuery, { sate: "paid" }],
  ["entries", entriesQuery, { acount: "customer" }],
  ["prices", pricesQuery, { nmae: "a" }],
  ["budgets", pageQuery, { scope: "key" }],
  ["charges over tRPC, by their name on the wire", listChargesInput, { transaction_id: "00000000-0000-4000-8000-000000000000" }],
])("a filter that the list does not know is refused, and not left out: %s", (_list, query, filter) => {
  expect(query.safeParse({}).success).toBe(true);
  expect(query.safeParse(filter).error?.issues).toMatchObject([{ code: "unrecognized_keys", keys: Object.keys(filter) }]);
});

it("a price has a rate that its kind uses, if only 0: any other would make calls free", () => {
  const answer = (body: object) => {
    const checked = setPriceInput.safeParse(priceOf(priceBody.parse({ name: "tts", ...body })));
    return checked.success || checked.error.issues.map(({ message }) => message).join();
  };
  const none = expect.stringMatching(/has a rate/);
  const other = expect.stringMatching(/unit_pico, and no other/);
  for (const kind of ["plugin", "agent", "peer"]) {
    expect([answer({ kind, input_pico: 100 }), answer({ kind, unit_pico: 1, audio_pico: 0 })]).toEqual([other, other]);
    expect([answer({ kind }), answer({ kind, unit_pico: 0, cached_pico: null }), answer({ kind, withdrawn: true })]).toEqual([
      none,
      true,
      true,
    ]);
  }
  const kind = "model";
  expect([answer({ kind }), answer({ kind, reasoning_pico: null })]).toEqual([none, none]);
  expect([answer({ kind, output_pico: 0 }), answer({ kind, cached_pico: 5 }), answer({ kind, unit_pico: 5 })]).toEqual([true, true, true]);
});
