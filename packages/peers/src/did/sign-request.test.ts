import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { decodeBase58 } from "./base58.ts";
import { createDidIdentity } from "./did-identity.ts";
import { isSignedBy } from "./ed25519.ts";
import { pythonJson } from "./python-json.ts";
import { signRequest } from "./sign-request.ts";

const identity = createDidIdentity({ seed: new Uint8Array(32), author: "a@b.example", name: "gate" });
const known = { did: "did:bindu:test", sign: identity.sign };
const BODY = '{"question": "Grüße an Łukasz: 😀 \u007f\u2028 \\ud800"}';

test("the signature of the known seed, body and time is the known one", () => {
  expect(identity.publicKey).toBe("4zvwRjXUKGfvwnParsHAS3HuSVzV5cA4McphgmoCtajS");
  expect(signRequest(known, '{"test": "value"}', 1_000_999)).toEqual({
    "x-did": "did:bindu:test",
    "x-did-timestamp": "1000",
    "x-did-signature": "3SfU4VPTHLbzZzCn17ZqU6y2tnzHQbdo2nnXQr6XZXk34XgyzwSKRrCYEWRmmGXrV39mdkyhTsy5oasfTpNuqyM2",
  });
});

test("what is signed is written as Python writes it", () => {
  const written = pythonJson({ body: BODY, did: "did:bindu:test", timestamp: 1000 });
  // Written by Python 3.11: json.dumps(value, sort_keys=True).
  expect(written).toBe(
    String.raw`{"body": "{\"question\": \"Gr\u00fc\u00dfe an \u0141ukasz: \ud83d\ude00 \u007f\u2028 \\ud800\"}", "did": "did:bindu:test", "timestamp": 1000}`,
  );
  const { "x-did-signature": signature } = signRequest(known, BODY, 1_000_000);
  const key = decodeBase58(identity.publicKey, 32) ?? new Uint8Array();
  expect(isSignedBy(key, written, decodeBase58(signature, 64) ?? new Uint8Array())).toBe(true);
});

const VALUES = [
  { body: BODY, did: identity.did, timestamp: 1_700_000_000 },
  { b: 'é\u007f\n\t\b\f\r"\\/ 😀 \u2028', a: [1, true, false, null, { z: 1, "\uffff": -2, "\u{10000}": 3, Z: "" }], "": {}, list: [] },
  "\u0000\u001f \ud83d x",
  Number.MAX_SAFE_INTEGER,
];
const hasPython = spawnSync("python3", ["-c", ""]).status === 0;

describe.runIf(hasPython)("Python itself writes", () => {
  test.each(VALUES.map((value) => [JSON.stringify(value), value] as const))("%s in the same way", (json, value) => {
    const code = "import json, sys; sys.stdout.write(json.dumps(json.load(sys.stdin), sort_keys=True))";
    const { stdout } = spawnSync("python3", ["-c", code], { input: json, encoding: "utf8" });
    expect(pythonJson(value)).toBe(stdout);
  });
});

test.each([0.5, 1e21, Number.NaN])("%d, which Python writes otherwise, is not written", (value) => {
  expect(() => pythonJson([value])).toThrow(TypeError);
});
