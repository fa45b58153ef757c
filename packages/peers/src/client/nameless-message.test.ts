import { LIMITS, peerTrust } from "@parley/contracts";
import { expect, it } from "vitest";
import { createTokenProvider } from "../oauth/token-provider.ts";
import { createPeerClient } from "./peer-client.ts";

/** What a peer of 0.3 without a card is understood to have said by that result. */
async function heard(result: unknown) {
  const fetch = async (_: unknown, { method = "GET" }: RequestInit = {}) =>
    method === "GET" ? new Response("", { status: 404 }) : Response.json({ jsonrpc: "2.0", id: 1, result });
  const client = createPeerClient({
    fetch,
    credentials: { findSecret: () => null, tokens: createTokenProvider({ fetch }), identity: null, hydra: null, now: Date.now },
    verify: async () => null,
    bounds: LIMITS,
  });
  const target = {
    organizationId: "o",
    id: "p",
    name: "Peer",
    endpoint: "https://peer.example",
    changedAt: null,
    auth: { type: "none" } as const,
  };
  const call = {
    target: { ...target, trust: peerTrust.parse({}), deduplicates: false },
    ...{ messageId: "m", contextId: "c", taskId: null, referenceTaskIds: [], skill: null, input: { input: "it" }, hopsMax: 1, push: null },
    signal: AbortSignal.timeout(20_000),
  };
  return client.send(call, {
    onTask: async () => {},
    onRefused: async () => {},
    onProgress: () => {},
    onText: () => {},
    nudged: () => new Promise(() => {}),
  });
}

const task = (status: object) => ({ kind: "task", id: "t", contextId: "c", status });

it.each([
  ["a text", "Not for you."],
  ["a message without an id", { role: "agent", parts: [{ kind: "text", text: "Not for you." }] }],
  ["a message with an empty one", { kind: "message", messageId: "", role: "agent", parts: [{ text: "Not for you." }] }],
])("why a peer has rejected a task is known from %s, too", async (_, message) => {
  expect(await heard(task({ state: "rejected", message }))).toMatchObject({ state: "rejected", prompt: "Not for you.", error: null });
});

it("a direct answer without an id is one", async () => {
  expect(await heard({ role: "agent", parts: ["Here."] })).toMatchObject({ state: "completed", text: "Here.", error: null });
});
