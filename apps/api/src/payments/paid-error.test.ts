import { GatewayError } from "@parley/contracts";
import type { Response } from "express";
import { expect, it } from "vitest";
import { sendPaidError } from "./paid-error.ts";

function sent(error: GatewayError, more: Parameters<typeof sendPaidError>[2] = {}) {
  const headers: Record<string, string> = {};
  let body = "";
  const response = {
    statusCode: 200,
    setHeader: (name: string, value: string) => void Object.assign(headers, { [name]: value }),
    end: (text: string) => {
      body = text;
    },
  };
  sendPaidError(response as unknown as Response, error, more);
  return { status: response.statusCode, headers, body: JSON.parse(body) };
}

const TYPE = { "content-type": "application/json; charset=utf-8" };

it("what nobody has foreseen is told without what is behind it", () => {
  const error = new GatewayError("internal", { detail: "a secret", cause: new Error("another") });
  expect(sent(error)).toEqual({
    status: 500,
    headers: TYPE,
    body: { error: "internal", code: "internal", message: "Something went wrong on our side." },
  });
});

it("who may come again is told when; a call for money is nobody's to keep", () => {
  const late = sent(new GatewayError("payment_pending", { retryAfterSeconds: 2 }));
  expect([late.status, late.headers]).toEqual([503, { ...TYPE, "retry-after": "2" }]);
  const problem = { more: { type: "x" }, isProblem: true };
  expect(sent(new GatewayError("payment_required"), problem)).toEqual({
    ...{ status: 402, headers: { "content-type": "application/problem+json", "cache-control": "no-store" } },
    body: { error: "payment_required", code: "payment_required", message: "Payment is required.", type: "x" },
  });
});
