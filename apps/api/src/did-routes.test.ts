import { afterEach, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
afterEach(() => api?.close());

const DOCUMENT = '{"@context":["https://www.w3.org/ns/did/v1"],"id":"did:bindu:a:b:c","authentication":[]}';
const ask = (method = "GET") => fetch(`${api.url}/.well-known/did.json`, { method });

test("anyone gets the document, the same bytes each time, and may keep it for five minutes", async () => {
  api = await startTestApi({ didDocument: DOCUMENT });
  for (const _ of [1, 2]) {
    const response = await ask();
    expect([response.status, await response.text()]).toEqual([200, DOCUMENT]);
    expect(response.headers.get("content-type")).toBe("application/did+json");
    expect(response.headers.get("cache-control")).toBe("public, max-age=300");
  }
  expect((await ask("HEAD")).status).toBe(200);
});

test("a gateway without an identity has none to show", async () => {
  api = await startTestApi();
  expect((await ask()).status).toBe(404);
});

test("a part of an identity ends the start, and says what is missing and not what is there", () => {
  const given = { DATABASE_URL: "postgres://parley@127.0.0.1/parley", DID_SEED: Buffer.alloc(32, 9).toString("base64") };
  expect(() => readConfig(given)).toThrow(/DID_AUTHOR: [^]*DID_NAME: /);
  expect(() => readConfig(given)).not.toThrow(given.DID_SEED);
  expect(readConfig({ ...given, DID_AUTHOR: "a", DID_NAME: "b" }).DID_SEED).toHaveLength(32);
});
