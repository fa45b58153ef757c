import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createVault, vaultSettings } from "./vault.ts";

const keys = [randomBytes(32), randomBytes(32)];

test("a secret opens where it was sealed for, and nowhere else", () => {
  const vault = createVault(keys);
  const sealed = vault?.seal("secret", "hook a") ?? "";
  expect(sealed).not.toContain("secret");
  expect(vault?.open(sealed, "hook a")).toBe("secret");
  expect(() => vault?.open(sealed, "hook b")).toThrow();
  const [head, name, text = ""] = sealed.split(".");
  const changed = Buffer.from(text, "base64url");
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  expect(() => vault?.open(`${head}.${name}.${changed.toString("base64url")}`, "hook a")).toThrow();
});

test("what an older key has sealed opens for as long as that key is named", () => {
  const sealed = createVault(keys.slice(1))?.seal("old", "x") ?? "";
  expect(createVault(keys)?.open(sealed, "x")).toBe("old");
  expect(() => createVault(keys.slice(0, 1))?.open(sealed, "x")).toThrow();
});

test("the same secret sealed twice does not look the same, and new secrets differ", () => {
  const vault = createVault(keys);
  expect(vault?.seal("s", "x")).not.toBe(vault?.seal("s", "x"));
  expect(vault?.newSecret()).not.toBe(vault?.newSecret());
});

test("without a key there is no vault, and a key of another length is none", () => {
  expect(createVault(undefined)).toBeNull();
  const read = (SECRETS_KEY: string) => vaultSettings.safeParse({ SECRETS_KEY }).success;
  expect([read(keys.map((key) => key.toString("base64")).join(",")), read("c2hvcnQ=")]).toEqual([true, false]);
});
