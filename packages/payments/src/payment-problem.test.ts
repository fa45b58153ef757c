import { Errors } from "mppx";
import { expect, test } from "vitest";
import { problemOf } from "./payment-problem.ts";

test.each([
  ["bad-request", new Errors.BadRequestError({ reason: "it cannot be read" }), 400],
  ["payment-insufficient", new Errors.PaymentInsufficientError({ reason: "it is too little" }), 402],
  ["session/signer-mismatch", new Errors.SignerMismatchError({ reason: "it is another's" }), 402],
  ["session/delta-too-small", new Errors.DeltaTooSmallError({ reason: "it is too little more" }), 402],
  ["session/channel-finalized", new Errors.ChannelClosedError({ reason: "it is closed" }), 410],
])("%s is told under its own name, with its status and what is wrong", (name, error, status) => {
  const { type, title, detail, ...more } = problemOf(error);
  expect([type, more]).toEqual([`https://paymentauth.org/problems/${name}`, { status }]);
  expect(title).not.toBe("");
  expect(detail).toContain("it ");
});
