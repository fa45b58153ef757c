import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const DATABASE_URL = "postgres://parley@127.0.0.1/parley";
const DEFAULT_ORGANIZATION_ID = "0199f0a0-0000-7000-8000-000000000001";

describe("the configuration", () => {
  test("needs no more than a database, and listens on loopback", () => {
    expect(readConfig({ DATABASE_URL })).toMatchObject({ HOST: "127.0.0.1", PORT: 4_766, AUTH_DISABLED: false });
    expect(readConfig({ DATABASE_URL, ADMIN_SECRET: "" }).ADMIN_SECRET).toBeUndefined();
  });

  test("that is wrong names everything that is wrong", () => {
    expect(() => readConfig({ DATABASE_URL: "mysql://x", PORT: "x", LOG_LEVEL: "loud" })).toThrow(
      /DATABASE_URL: [^]*LOG_LEVEL: [^]*PORT: /,
    );
    expect(() => readConfig({})).toThrow("DATABASE_URL");
    expect(() => readConfig({ DATABASE_URL, ADMIN_SECRET: "short" })).toThrow("ADMIN_SECRET");
  });

  test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("may switch authentication off on %s, for one organization", (HOST) => {
    expect(readConfig({ DATABASE_URL, HOST, AUTH_DISABLED: "true", DEFAULT_ORGANIZATION_ID }).AUTH_DISABLED).toBe(true);
    expect(() => readConfig({ DATABASE_URL, HOST, AUTH_DISABLED: "true" })).toThrow("DEFAULT_ORGANIZATION_ID");
  });

  test.each(["0.0.0.0", "::", "10.0.0.1", "example.org", "127.evil.example", "127.0.0.1.example"])(
    "may not switch it off on %s",
    (HOST) => {
      expect(() => readConfig({ DATABASE_URL, HOST, AUTH_DISABLED: "true", DEFAULT_ORGANIZATION_ID })).toThrow("AUTH_DISABLED");
    },
  );
});
