import { expect, test } from "vitest";
import { asRole, postgresFromEnvironment } from "../../scripts/start/databases.ts";
import { chosenModel } from "../../scripts/start/example-agents.ts";

test("DATABASE_URL wins over DB_*, and without both there is no Postgres of the user's", () => {
  expect(postgresFromEnvironment({ DATABASE_URL: "postgres://a:b@db:1/x", DB_HOST: "other" })).toBe("postgres://a:b@db:1/x");
  expect(postgresFromEnvironment({})).toBeNull();
  expect(() => postgresFromEnvironment({ DATABASE_URL: "not an address" })).toThrow("DATABASE_URL");
});

test("an address made of DB_* keeps signs that addresses give a meaning", () => {
  const url = new URL(
    postgresFromEnvironment({ DB_HOST: "db", DB_PORT: "6000", DB_USER: "me@home", DB_PASSWORD: "p:/?#@", DB_NAME: "a b" }) ?? "",
  );
  expect(url.host).toBe("db:6000");
  expect(decodeURIComponent(url.username)).toBe("me@home");
  expect(decodeURIComponent(url.password)).toBe("p:/?#@");
  expect(decodeURIComponent(url.pathname)).toBe("/a b");
});

test("the application enters the same database under its own role", () => {
  expect(asRole("postgres://owner:secret@db:1/x?sslmode=require", "parley_app", "p@ss")).toBe(
    "postgres://parley_app:p%40ss@db:1/x?sslmode=require",
  );
});

test("without a key the built-in model answers, and PARLEY_MODEL wins over every key", () => {
  expect(chosenModel({})).toBe("local/chat");
  expect(chosenModel({ OPENAI_API_KEY: "x" })).toMatch(/^openai\//);
  expect(chosenModel({ OPENAI_API_KEY: "x", PARLEY_MODEL: "custom/m" })).toBe("custom/m");
});
