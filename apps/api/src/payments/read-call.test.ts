import type { Request } from "express";
import { expect, it } from "vitest";
import { methodOf } from "./read-call.ts";

const methodBy = (headers: Record<string, string>) => methodOf({ headers } as unknown as Request);
const session = { "x-session-id": `ses_${"0".repeat(24)}` };

it("is paid by the payment that is shown, whatever the call was first sent as, else as it says itself", () => {
  for (const shown of [{ "payment-authorization": "Payment e30" }, { authorization: "Payment e30" }]) {
    for (const first of [{}, session, ...["session", "stripe", "mpp"].map((named) => ({ "x-payment-method": named }))])
      expect(methodBy({ ...first, ...shown })).toBe("mpp");
  }
  expect(methodBy({ ...session, "x-payment-method": "stripe", authorization: "Bearer key" })).toBe("stripe");
  expect(methodBy({ ...session, "x-payment-method": "cash" })).toBe("session");
  expect(methodBy({})).toBe("stripe");
});
