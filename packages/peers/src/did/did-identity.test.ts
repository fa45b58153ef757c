import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { decodeBase58 } from "./base58.ts";
import { documentKey } from "./did-document.ts";
import { createDidIdentity } from "./did-identity.ts";
import { didFacts, didProblems, didSettings } from "./did-settings.ts";
import { isMadeFrom } from "./key-id.ts";

const SEED = Buffer.alloc(32, 7);
const identity = createDidIdentity({ seed: SEED, author: "jo.do@example.com", name: "gate" });
const key = decodeBase58(identity.publicKey, 32) ?? new Uint8Array();

test("a DID names author and name, and ends in the id of its key", () => {
  const hash = createHash("sha256").update(key).digest("hex");
  const id = [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join("-");
  expect(identity.did).toBe(`did:bindu:jo_do_at_example_com:gate:${id}`);
  expect(isMadeFrom(identity.did, key)).toBe(true);
  expect(isMadeFrom(`did:bindu:x:y:${id.replace(/^./, (first) => (first === "0" ? "1" : "0"))}`, key)).toBe(false);
});

test("the document is the same bytes each time, has no time in it, and gives the key back", () => {
  const again = createDidIdentity({ seed: new Uint8Array(SEED), author: "jo.do@example.com", name: "gate" });
  expect(again.document).toBe(identity.document);
  expect(JSON.parse(identity.document)).toEqual({
    "@context": ["https://www.w3.org/ns/did/v1", "https://getbindu.com/ns/v1"],
    id: identity.did,
    authentication: [
      { id: `${identity.did}#key-1`, type: "Ed25519VerificationKey2020", controller: identity.did, publicKeyBase58: identity.publicKey },
    ],
  });
  expect(documentKey(JSON.parse(identity.document), identity.did)).toEqual(key);
});

describe("a document", () => {
  const publicKeyBase58 = identity.publicKey;
  const id = "did:bindu:x";
  test.each<[string, object, boolean]>([
    ["of another DID gives no key", { id: "did:bindu:y", authentication: [{ publicKeyBase58 }] }, false],
    ["without a DID gives none", { authentication: [{ publicKeyBase58 }] }, false],
    ["whose key has another length gives none", { id, authentication: [{ publicKeyBase58: "a3gV" }] }, false],
    ["with no usable key gives none", { id, authentication: [{ publicKeyJwk: {} }] }, false],
    ["with its key under verificationMethod alone gives it", { id, verificationMethod: [{ id: "#1", publicKeyBase58 }] }, true],
    [
      "that names its key gives it",
      { id, authentication: ["#1"], verificationMethod: [{ id: "#0" }, { id: "#1", publicKeyBase58 }] },
      true,
    ],
  ])("%s", (_, given, gives) => {
    expect(documentKey(given, id)).toEqual(gives ? key : null);
  });
});

describe("settings", () => {
  const read = (given: Record<string, string>) => didSettings.safeParse(given);
  const all = { DID_SEED: SEED.toString("base64"), DID_AUTHOR: "a@b.c", DID_NAME: "gate" };

  test("take a seed in base64 and base64url", () => {
    const seed = Buffer.alloc(32, 0xfb);
    for (const text of [seed.toString("base64"), seed.toString("base64url")]) {
      const { data } = read({ ...all, DID_SEED: text });
      expect(data && didFacts(data)?.seed).toEqual(new Uint8Array(seed));
    }
  });

  test.each(["short", Buffer.alloc(31).toString("base64"), Buffer.alloc(33).toString("base64"), `${"é".repeat(43)}=`])(
    "refuse the seed %s without saying it",
    (seed) => {
      const { error } = read({ ...all, DID_SEED: seed });
      expect(error?.issues.map(({ path }) => path)).toEqual([["DID_SEED"]]);
      expect(z.prettifyError(error ?? new z.ZodError([]))).not.toContain(seed);
    },
  );

  test("are all or none", () => {
    expect(didProblems(didSettings.parse({}))).toEqual([]);
    expect(didFacts(didSettings.parse({}))).toBeNull();
    expect(didProblems(didSettings.parse(all))).toEqual([]);
    for (const missing of ["DID_SEED", "DID_AUTHOR", "DID_NAME"] as const) {
      const { [missing]: _, ...rest } = all;
      expect(didProblems(didSettings.parse(rest)).map(({ path }) => path)).toEqual([missing]);
    }
  });

  test.each(["a:b", "a b", "a/b"])("refuse the name %s, which would make another DID", (name) => {
    expect(read({ ...all, DID_NAME: name }).success).toBe(false);
  });
});
