import { expect, test } from "vitest";
import { readAcceptPayment } from "./accept-payment.ts";

test("entries and their weights are read", () => {
  expect(readAcceptPayment("tempo/charge, stripe/charge;q=0.5 , */*;q=0;x=1")).toEqual([
    { method: "tempo", intent: "charge", weight: 1 },
    { method: "stripe", intent: "charge", weight: 0.5 },
    { method: "*", intent: "*", weight: 0 },
  ]);
});

test.each([
  undefined,
  "",
  " , ",
  "tempo",
  "tempo/charge/x",
  "Tempo/Charge",
  "tempo/charge;q=2",
  "tempo/charge;q=-1",
  `a/b,${"x/y,".repeat(400)}`,
])("%s says nothing that can be read", (header) => {
  expect(readAcceptPayment(header)).toBeNull();
});
