import { expect, test } from "vitest";
import { credentialFrom, hasAdminSecret } from "./credential.ts";

test.each([
  [{ "x-api-key": "agw_1" }, "agw_1"],
  [{ authorization: "Bearer agw_2" }, "agw_2"],
  [{ authorization: "bearer   agw_2 " }, "agw_2"],
  [{ "x-api-key": "agw_1", authorization: "Bearer agw_2" }, "agw_1"],
  [{ authorization: "Basic agw_2" }, null],
  [{ authorization: "Bearer" }, null],
  [{ authorization: "Bearer a b" }, null],
  [{ "x-api-key": "" }, null],
  [{ "x-api-key": ["agw_1", "agw_2"] }, null],
  [{ "x-api-key": "a".repeat(5_000) }, null],
  [{}, null],
])("the credential of %j is %j", (headers, credential) => {
  expect(credentialFrom(headers)).toBe(credential);
});

test("the admin secret is taken from its own header or as a bearer token, and only whole", () => {
  expect(hasAdminSecret({ "x-admin-secret": "s3cret" }, "s3cret")).toBe(true);
  expect(hasAdminSecret({ authorization: "Bearer s3cret" }, "s3cret")).toBe(true);
  expect(hasAdminSecret({ "x-admin-secret": "s3cre" }, "s3cret")).toBe(false);
  expect(hasAdminSecret({ "x-api-key": "s3cret" }, "s3cret")).toBe(false);
  expect(hasAdminSecret({}, "s3cret")).toBe(false);
  expect(hasAdminSecret({}, "")).toBe(false);
});

test("no header says a credential with a space in it, as those have that we give ourselves", () => {
  expect(credentialFrom({ "x-api-key": "certificate CN=billing" })).toBeNull();
  expect(credentialFrom({ authorization: "Bearer certificate CN=billing" })).toBeNull();
});
