import { expect, it } from "vitest";
import { setBudgetInput } from "./budget.ts";
import { statementInput } from "./charge.ts";

it("looks for a user by the name that calls are kept under, however it is encoded or padded", () => {
  expect(statementInput.parse({ user: " Jose\u0301 " }).user).toBe("Jos\u00e9");
});

it("an agent's budget names it by its id: any other subject would bind nobody", () => {
  const budget = { scope: "agent", period: "day", limitMicros: 1 };
  expect(setBudgetInput.safeParse({ ...budget, subject: "nosuch" }).success).toBe(false);
  expect(setBudgetInput.safeParse({ ...budget, subject: "01A205B6-162A-7000-8000-000000000000" }).success).toBe(true);
});

it("a budget takes no field that it does not know: a misspelled `hard` would be a hard one", () => {
  const budget = { scope: "organization", period: "day", limitMicros: 1 };
  expect(setBudgetInput.safeParse({ ...budget, hard: false }).success).toBe(true);
  expect(setBudgetInput.safeParse({ ...budget, hrad: false }).error?.issues).toMatchObject([{ code: "unrecognized_keys", keys: ["hrad"] }]);
});
