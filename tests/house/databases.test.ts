import { expect, test } from "vitest";
import { asRole } from "../../scripts/start/databases.ts";
import { chosenModel } from "../../scripts/start/example-agents.ts";
import { postgresFromEnvironment } from "../../scripts/start/given-postgres.ts";
import { redisFromEnvironment } from "../../scripts/start/given-redis.ts";

test("DATABASE_URL wins over DB_*, and without both there is no Postgres of the user's", () => {
  expect(postgresFromEnvironment({ DATABASE_URL: "postgres://a:b@db:1/x", DB_HOST: "other" })).toEqual({
    url: "postgres://a:b@db:1/x",
    names: "DATABASE_URL",
  });
  expect(postgresFromEnvironment({})).toBeNull();
  expect(() => postgresFromEnvironment({ DATABASE_URL: "not an address" })).toThrow("DATABASE_URL");
});

test("an address made of DB_* keeps signs that addresses give a meaning", () => {
  const given = postgresFromEnvironment({ DB_HOST: "db", DB_PORT: "6000", DB_USER: "me@home", DB_PASSWORD: "p:/?#@", DB_NAME: "a b" });
  const url = new URL(given?.url ?? "");
  expect(url.host).toBe("db:6000");
  expect(decodeURIComponent(url.username)).toBe("me@home");
  expect(decodeURIComponent(url.password)).toBe("p:/?#@");
  expect(decodeURIComponent(url.pathname)).toBe("/a b");
});

test("parts that make no address are refused under the names of those that are set", () => {
  expect(postgresFromEnvironment({ DB_HOST: "::1", DB_NAME: "" })).toMatchObject({
    names: "DB_HOST",
    url: "postgres://postgres@[::1]:5432/parley",
  });
  expect(() => postgresFromEnvironment({ DB_HOST: "db", DB_PORT: "abc" })).toThrow("DB_HOST, DB_PORT: db:abc is not");
});

test("the place of a Redis tells every node and no password", () => {
  expect(redisFromEnvironment({ REDIS_URL: "" })).toBeNull();
  expect(redisFromEnvironment({ REDIS_URL: "redis://me:secret@a:1, redis://b:2" })?.place).toBe("a:1, b:2");
  expect(() => redisFromEnvironment({ REDIS_URL: "somewhere" })).toThrow(/^REDIS_URL is not an address/);
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
