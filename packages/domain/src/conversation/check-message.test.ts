import { GatewayError, LIMITS } from "@parley/contracts";
import { expect, test } from "vitest";
import { checkMessage } from "./check-message.ts";

const limits = { ...LIMITS, messageCharsMax: 5, filesPerMessageMax: 1, endUserAttributesCharsMax: 10 };
const fits = {
  text: "12345",
  files: ["https://f"],
  user: { email: "a@b", additionalAttributes: { a: "23" } },
  options: { additionalContext: "12345" },
};

/** The refusal's code, and the place of its first issue. */
function refusalOf(changes: Partial<Parameters<typeof checkMessage>[0]>) {
  try {
    checkMessage({ ...fits, ...changes }, limits);
  } catch (error) {
    return error instanceof GatewayError ? [error.code, error.issues?.[0]?.path.join(".") ?? error.message] : error;
  }
  return null;
}

test("a message that just fits passes, and one beyond any bound is refused with its name", () => {
  expect(refusalOf({})).toBeNull();
  expect(refusalOf({ text: "123456" })).toEqual(["message_too_large", "The message is longer than 5 characters."]);
  for (const name of ["instructionsOverride", "additionalContext", "expectedOutput"]) {
    const said = `The ${name} is longer than 5 characters.`;
    expect(refusalOf({ options: { [name]: "123456" } })).toEqual(["message_too_large", said]);
  }
  expect(refusalOf({ files: ["https://f", "https://g"] })).toEqual(["invalid_input", "files"]);
  expect(refusalOf({ user: { email: "a@b", additionalAttributes: { a: "234" } } })).toEqual(["invalid_input", "user.additionalAttributes"]);
});
