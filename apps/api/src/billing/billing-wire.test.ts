import { expect, it } from "vitest";
import { creditBody, priceBody } from "./billing-wire.ts";

it("a price or a credit with a field that is not known is refused: a misspelled rate would be none", () => {
  const price = { kind: "model", name: "local/tts" };
  expect(priceBody.safeParse({ ...price, input_pico: 5 }).success).toBe(true);
  expect(priceBody.safeParse({ ...price, inputPico: 5 }).success).toBe(false);
  const credit = { organization_id: "0198a000-0000-7000-8000-000000000009", amount_micros: 1, reference: "r" };
  expect([creditBody.safeParse(credit).success, creditBody.safeParse({ ...credit, amount: 1 }).success]).toEqual([true, false]);
});
