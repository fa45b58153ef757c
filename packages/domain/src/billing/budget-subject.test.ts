import type { SetBudget } from "@parley/contracts";
import { expect, it } from "vitest";
import { budgetSubject } from "./budget-subject.ts";

const findIn = (...ids: string[]) => ({
  find: async (organizationId: string, id: string) => (organizationId === "o" && ids.includes(id) ? { id } : null),
});
const known = { keys: findIn("key_one"), hooks: findIn("hook_one") } as never;
const of = (scope: SetBudget["scope"], subject: string, organizationId = "o") =>
  budgetSubject(known, organizationId, { scope, subject, period: "day", limitMicros: 1, alertPercent: 80, hard: true });

it("a key's budget is of a caller that there is: of any other it would bind nobody", async () => {
  for (const subject of ["key_one", "hook_one", "gateway-key", "sub:ann", "certificate:a:b"])
    expect(await of("key", subject)).toBe(subject);
  const refused = { code: "invalid_input", issues: [{ path: ["subject"] }] };
  for (const subject of ["key_two", "hook_two", "nosuch", "sub:", "KEY_ONE", "gateway-key2", ""]) {
    await expect(of("key", subject)).rejects.toMatchObject(refused);
  }
  await expect(of("key", "key_one", "another")).rejects.toMatchObject(refused);
  expect([await of("user", "key_two "), await of("agent", "AB"), await of("organization", "")]).toEqual(["key_two", "ab", ""]);
});
