import { isGatewayError } from "@parley/contracts";
import { expect, test } from "vitest";
import { readIdempotencyKey } from "./idempotency-key.ts";

const codeOf = (named: Parameters<typeof readIdempotencyKey>[0]) => {
  try {
    return { key: readIdempotencyKey(named) };
  } catch (error) {
    return isGatewayError(error) ? { code: error.code, issues: error.issues } : { error };
  }
};

test("a call's key is the header's or the input's, and the same in both is one", () => {
  expect(codeOf({ header: null, input: undefined })).toEqual({ key: undefined });
  expect(codeOf({ header: "k", input: undefined })).toEqual({ key: "k" });
  expect(codeOf({ header: null, input: "k" })).toEqual({ key: "k" });
  expect(codeOf({ header: "k", input: "k" })).toEqual({ key: "k" });
});

test("two different keys are refused", () => {
  expect(codeOf({ header: "one", input: "another" })).toMatchObject({ code: "bad_request" });
});

test.each(["", "x".repeat(256)])("a header that is no key is refused by its name", (header) => {
  expect(codeOf({ header, input: undefined })).toMatchObject({ code: "invalid_input", issues: [{ path: ["header", "idempotency-key"] }] });
});
