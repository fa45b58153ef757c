import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { LIMITS, peerTrust } from "@parley/contracts";
import type { PeerCall, PeerHearing } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { afterEach, describe, expect, it } from "vitest";
import { createTokenProvider } from "../oauth/token-provider.ts";
import { createPeerClient } from "./peer-client.ts";

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const ANSWER = { kind: "message", messageId: "m", role: "agent", parts: [{ kind: "text", text: "fine" }] };

/** A peer with this card, which writes down where it is called with which credential. */
async function startPeer(card: (origin: string) => object) {
  const calls: string[] = [];
  async function answer(request: IncomingMessage): Promise<object> {
    const body = await bodyOf(request);
    if (request.method === "GET") return { name: "Peer", ...card(origin) };
    calls.push(`${request.url} ${request.headers.authorization}`);
    return { jsonrpc: "2.0", id: (JSON.parse(body) as { id: unknown }).id, result: ANSWER };
  }
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    void answer(request).then((said) => response.end(JSON.stringify(said)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const origin = `http://${host}`;
  opened.push({ close: () => server.close() });
  return { host, origin, calls };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

async function callOf(endpoint: string, allow: string[]) {
  const egress = createEgress({ allow });
  opened.push(egress);
  const { fetch } = egress;
  const client = createPeerClient({
    fetch,
    credentials: { findSecret: () => null, tokens: createTokenProvider({ fetch }), identity: null, hydra: null, now: Date.now },
    verify: async () => null,
    bounds: LIMITS,
  });
  const hearing: PeerHearing = {
    onTask: async () => {},
    onRefused: async () => {},
    onProgress() {},
    onText() {},
    nudged: () => new Promise(() => {}),
  };
  const trust = peerTrust.parse({});
  const call: PeerCall = {
    target: {
      organizationId: "o",
      id: "p",
      name: "Peer",
      endpoint,
      changedAt: null,
      auth: { type: "bearer", token: "t" },
      trust,
      deduplicates: false,
    },
    ...{
      messageId: "m-1",
      contextId: "c-1",
      taskId: null,
      referenceTaskIds: [],
      skill: null,
      input: { input: "it" },
      hopsMax: 4,
      push: null,
    },
    signal: new AbortController().signal,
  };
  return { client, call, hearing };
}

describe("a card that does harm", () => {
  it.each(["//", "/\\", "/.//"])("by an address that begins with %s behind its host leads to no other host", async (slashes) => {
    const other = await startPeer(() => ({}));
    const peer = await startPeer((origin) => ({ url: `${origin}${slashes}${other.host}/stolen` }));
    const { client, call, hearing } = await callOf(peer.origin, [peer.host, other.host]);
    expect(await client.send(call, hearing)).toMatchObject({ text: "fine" });
    expect(other.calls).toEqual([]);
    expect(peer.calls).toHaveLength(1);
  });

  it("by an address of a scheme of its own leads to no other host", async () => {
    const other = await startPeer(() => ({}));
    const peer = await startPeer(() => ({ url: `own:http://${other.host}/stolen` }));
    const { client, call, hearing } = await callOf(peer.origin, [peer.host, other.host]);
    expect(await client.send(call, hearing)).toMatchObject({ text: "fine" });
    expect(other.calls).toEqual([]);
  });

  it("by a version that is no text harms nobody", async () => {
    const version = { toString: 1, valueOf: 1 };
    const peer = await startPeer((origin) => ({
      supportedInterfaces: [{ url: origin, protocolBinding: "JSONRPC", protocolVersion: version }],
    }));
    const { client, call, hearing } = await callOf(peer.origin, [peer.host]);
    expect(await client.card(call.target)).toMatchObject({ name: "Peer" });
    expect(await client.send(call, hearing)).toMatchObject({ text: "fine" });
  });

  it("by words that no database can hold is read as far as it can be kept", async () => {
    const skills = [{ id: "good", name: "a\0b", description: "half \uD800", tags: ["\0"] }, { id: "b\0d" }, { id: "\uDC00" }];
    const peer = await startPeer(() => ({ id: "did:key:\0", name: "Peer\0", skills }));
    const { client, call } = await callOf(peer.origin, [peer.host]);
    expect(await client.card(call.target)).toMatchObject({
      name: "Peer\uFFFD",
      did: null,
      skills: [{ id: "good", name: "a\uFFFDb", description: "half \uFFFD", tags: ["\uFFFD"] }],
    });
  });
});
