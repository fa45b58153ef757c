import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PeerKey } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { afterEach, describe, expect, test } from "vitest";
import { decodeBase58 } from "./base58.ts";
import { createDidIdentity, type DidIdentity } from "./did-identity.ts";
import { createDidResolver } from "./resolve-did.ts";
import { createSignatureCheck, type VerifyFacts } from "./signature-check.ts";
import { verifyArtifacts } from "./verify-artifacts.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const identityOf = (byte: number) => createDidIdentity({ seed: Buffer.alloc(32, byte), author: "a", name: "peer" });
const signer = identityOf(1);
const thief = identityOf(2);
const signed = (by: DidIdentity, text = "hello") => ({ text, metadata: { "did.message.signature": by.sign(text) } });
const artifacts = (...parts: object[]) => [{ parts }];

/** A peer that answers questions about DIDs, and an organization that has seen no key yet. */
async function start(answer: (did: string) => { status?: number; body?: string; headers?: Record<string, string>; hangs?: true }) {
  const asked: string[] = [];
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let text = "";
    for await (const piece of request) text += piece;
    asked.push(`${request.method} ${request.url} ${text}`);
    const { status = 200, body = "", headers = {}, hangs } = answer((JSON.parse(text) as { did: string }).did);
    if (!hangs) response.writeHead(status, headers).end(body);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const egress = createEgress({ allow: [host] });
  closing.push(
    () => egress.close(),
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const pins = new Map<string, string>();
  const keys = {
    pin: async (organizationId: string, { endpoint, did, publicKey }: PeerKey) => {
      const name = [organizationId, endpoint, did].join(" ");
      if (!pins.has(name)) pins.set(name, publicKey);
      return pins.get(name) ?? null;
    },
  };
  // Whatever was heard is old when it is asked for again.
  let hours = 0;
  const resolve = createDidResolver({ fetch: egress.fetch, nowMs: () => ++hours * 3_600_000 });
  const check = createSignatureCheck({ resolve, keys, keysMax: 10 });
  const verify = (trust: VerifyFacts["trust"], parts: object[], did: string | null = signer.did) =>
    check({ organizationId: "o", endpoint: `http://${host}/agent/`, did, trust, artifacts: artifacts(...parts) });
  return { asked, verify, egress, host, pins };
}

/** Says of every DID that it is this identity's. */
const claims = (by: DidIdentity) => (did: string) => ({ body: by.document.replaceAll(by.did, did) });
const strict = { policy: "strict" } as const;
const lenient = { policy: "lenient" } as const;

test("the known text, key and signature fit, and no other text does", () => {
  const given = "5kyvg2qwU2xCSSGYrkEYQLF3N48mPVfRJQhSGvmomFXs3GzEZuzu9TWuiH8XEa1p3HTqorK1oMTPAN3dSpa4KtXs";
  const metadata = { "did.message.signature": given };
  const key = signerKey("7dNzT2ZzYKsibUFirPVWZheh2TGKZuy3fGdCkcq2f2RM");
  expect(verifyArtifacts(artifacts({ text: "hello from dry-run", metadata }), key)).toMatchObject({ ok: true, signed: 1, verified: 1 });
  expect(verifyArtifacts(artifacts({ text: "hello from dry-run ", metadata }), key)).toMatchObject({ ok: false, signed: 1, verified: 0 });
});

describe("of what a peer gave", () => {
  test("all signed parts count, an empty text does not, and what is no text is unsigned", async () => {
    const { verify, asked } = await start(claims(signer));
    const whole = await verify(strict, [signed(signer), signed(signer, "Grüße 😀"), { text: "" }]);
    expect(whole).toEqual({ ok: true, signed: 2, verified: 2, unsigned: 0 });
    const parts = [signed(signer), { data: { x: 1 } }, { text: "plain" }];
    expect(await verify(lenient, parts)).toEqual({ ok: true, signed: 1, verified: 1, unsigned: 2 });
    expect(await verify(strict, parts)).toEqual({ ok: false, signed: 1, verified: 1, unsigned: 2 });
    expect(asked[0]).toBe(`POST /agent/did/resolve ${JSON.stringify({ did: signer.did })}`);
  });

  test.each([["not base58!"], [""], [42], ["1111"]])("a signature like %j is a wrong one", async (given) => {
    const { verify } = await start(claims(signer));
    const found = await verify(strict, [{ text: "x", metadata: { "did.message.signature": given } }]);
    expect(found).toMatchObject({ ok: false, signed: 1, verified: 0 });
  });

  test("nothing can be said without a DID, or where nobody can be asked; strictly, that is not good", async () => {
    const { verify } = await start(() => ({ status: 500 }));
    for (const did of [null, signer.did]) {
      expect(await verify(lenient, [signed(signer)], did)).toBeNull();
      expect(await verify(strict, [signed(signer)], did)).toEqual({ ok: false, signed: 1, verified: 0, unsigned: 0 });
    }
  });

  test("strictly, a signature is demanded: of a peer that shows no DID and of a pinned key, too", async () => {
    const { verify } = await start(claims(signer));
    const unsigned = { ok: false, signed: 0, verified: 0, unsigned: 1 };
    for (const did of [null, signer.did]) expect(await verify(strict, [{ text: "plain" }], did)).toEqual(unsigned);
    const pinned = { ...strict, pinnedKey: signer.publicKey };
    expect(await verify(pinned, [{ text: "plain" }])).toEqual(unsigned);
    expect(await verify(pinned, [signed(signer)])).toMatchObject({ ok: true });
    expect(await verify(pinned, [signed(signer), signed(thief)])).toMatchObject({ ok: false });
  });
});

describe("a key that the peer itself names", () => {
  test("strict: is only believed where the DID is made from it", async () => {
    const { verify } = await start(claims(thief));
    expect(await verify(strict, [signed(thief)])).toMatchObject({ ok: false, signed: 1, verified: 0 });
    expect(await verify(strict, [signed(thief)], thief.did)).toMatchObject({ ok: true, verified: 1 });
  });

  test("lenient: stays the one that was seen first", async () => {
    let now = signer;
    const { verify } = await start((did) => claims(now)(did));
    const did = "did:bindu:a:peer:of-no-key";
    expect(await verify(lenient, [signed(signer)], did)).toMatchObject({ ok: true, verified: 1 });
    now = thief;
    expect(await verify(lenient, [signed(thief)], did)).toMatchObject({ ok: false, signed: 1, verified: 0 });
    now = signer;
    expect(await verify(lenient, [signed(signer)], did)).toMatchObject({ ok: true, verified: 1 });
  });

  test("lenient: is not pinned by what it has not signed", async () => {
    const { verify, pins } = await start(claims(thief));
    await verify(lenient, [signed(signer)]);
    await verify(lenient, [{ text: "unsigned" }]);
    expect(pins.size).toBe(0);
  });

  test("pinned by hand: no peer gets around it by showing no DID", async () => {
    const { verify } = await start(claims(thief));
    const trust = { ...lenient, pinnedKey: signer.publicKey };
    expect(await verify(trust, [signed(thief)], null)).toMatchObject({ ok: false, signed: 1, verified: 0 });
    expect(await verify(trust, [signed(signer)], null)).toMatchObject({ ok: true, signed: 1, verified: 1 });
  });

  test("pinned by hand: no other counts, and the peer is not asked", async () => {
    const { verify, asked } = await start(claims(thief));
    for (const policy of ["strict", "lenient"] as const) {
      const trust = { policy, pinnedKey: signer.publicKey };
      expect(await verify(trust, [signed(thief)])).toMatchObject({ ok: false, verified: 0 });
      expect(await verify(trust, [signed(signer)], "did:bindu:any")).toMatchObject({ ok: true, verified: 1 });
    }
    expect(asked).toEqual([]);
  });

  test("a document of another DID makes every signature wrong", async () => {
    const { verify } = await start(() => ({ body: thief.document }));
    expect(await verify(lenient, [signed(thief)])).toMatchObject({ ok: false, signed: 1, verified: 0 });
  });
});

describe("asking for a key", () => {
  test("is done once for all who ask at the same time, and kept by endpoint and DID", async () => {
    const { egress, host, asked } = await start(claims(signer));
    const resolve = createDidResolver({ fetch: egress.fetch });
    await Promise.all([1, 2, 3].map(() => resolve(`http://${host}`, signer.did)));
    await resolve(`http://${host}`, signer.did);
    expect(asked).toHaveLength(1);
    await resolve(`http://${host}/other`, signer.did);
    await resolve(`http://${host}`, thief.did);
    expect(asked).toHaveLength(3);
  });

  test("is kept for five minutes, and that nobody could be asked for ten seconds", async () => {
    let isAway = true;
    let nowMs = 0;
    const { egress, host, asked } = await start((did) => (isAway ? { status: 503 } : claims(signer)(did)));
    const resolve = createDidResolver({ fetch: egress.fetch, nowMs: () => nowMs });
    const at = async (ms: number) => {
      nowMs = ms;
      return [(await resolve(`http://${host}`, signer.did)).kind, asked.length];
    };
    expect(await at(0)).toEqual(["unavailable", 1]);
    isAway = false;
    expect(await at(9_999)).toEqual(["unavailable", 1]);
    expect(await at(10_000)).toEqual(["key", 2]);
    isAway = true;
    expect(await at(309_999)).toEqual(["key", 2]);
    expect(await at(310_000)).toEqual(["unavailable", 3]);
    expect(await at(319_999)).toEqual(["unavailable", 3]);
  });

  test("that a document is of another DID is kept for five minutes, too", async () => {
    let nowMs = 0;
    const { egress, host, asked } = await start(() => ({ body: thief.document }));
    const resolve = createDidResolver({ fetch: egress.fetch, nowMs: () => nowMs });
    for (const [ms, times] of [
      [0, 1],
      [299_999, 1],
      [300_000, 2],
    ] as const) {
      nowMs = ms;
      expect(await resolve(`http://${host}`, signer.did)).toEqual({ kind: "none" });
      expect(asked).toHaveLength(times);
    }
  });

  test.each([
    ["an endless document", { body: `"${"x".repeat(70_000)}"` }],
    ["a redirect", { status: 302, headers: { location: "http://169.254.169.254/" } }],
    ["something else than JSON", { body: "<html>" }],
  ])("%s is as good as none", async (_, answer) => {
    const { verify } = await start(() => answer);
    expect(await verify(lenient, [signed(signer)])).toBeNull();
    expect(await verify(strict, [signed(signer)])).toMatchObject({ ok: false, verified: 0 });
  });

  test("goes nowhere that the egress does not let it", async () => {
    const egress = createEgress();
    closing.push(() => egress.close());
    const resolve = createDidResolver({ fetch: egress.fetch });
    expect(await resolve("http://169.254.169.254", signer.did)).toEqual({ kind: "unavailable" });
  });
});

function signerKey(base58: string): Uint8Array {
  const key = decodeBase58(base58, 32);
  if (key === null) throw new Error("no key");
  return key;
}
