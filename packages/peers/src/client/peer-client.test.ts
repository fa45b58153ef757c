import { LIMITS, peerTrust } from "@parley/contracts";
import type { PeerCall, PeerHearing, PeerTarget } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { type PeerManner, type PeerServer, startPeerServer } from "@parley/testkit/peer-server";
import { afterEach, describe, expect, it } from "vitest";
import { createDidResolver } from "../did/resolve-did.ts";
import { createSignatureCheck } from "../did/signature-check.ts";
import { createTokenProvider } from "../oauth/token-provider.ts";
import { createPeerClient } from "./peer-client.ts";

const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function open(
  manner: PeerManner,
  { limits = {}, target = {}, allow = true }: { limits?: object; target?: Partial<PeerTarget>; allow?: boolean } = {},
) {
  const peer: PeerServer = await startPeerServer({ manner, answer: (text) => `done: ${text}` });
  const egress = createEgress({ allow: allow ? [peer.host] : [] });
  opened.push(peer, egress);
  const { fetch } = egress;
  const keys = new Map<string, string>();
  const client = createPeerClient({
    fetch,
    credentials: { findSecret: () => null, tokens: createTokenProvider({ fetch }), identity: null, hydra: null, now: Date.now },
    verify: createSignatureCheck({
      resolve: createDidResolver({ fetch }),
      keys: { pin: async (_, { did, publicKey }) => keys.get(did) ?? (keys.set(did, publicKey), publicKey) },
      keysMax: 10,
    }),
    bounds: { ...LIMITS, ...limits },
  });
  const heard: { tasks: string[]; text: string; states: string[] } = { tasks: [], text: "", states: [] };
  const hearing: PeerHearing = {
    onTask: async ({ taskId }) => void heard.tasks.push(taskId),
    onRefused: async () => {},
    onProgress: ({ state }) => void heard.states.push(state),
    onText: (text) => {
      heard.text += text;
    },
    nudged: (signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
  };
  const stop = new AbortController();
  const call: PeerCall = {
    target: {
      organizationId: "o",
      id: "p",
      name: "Peer",
      endpoint: peer.url,
      changedAt: null,
      auth: { type: "none" },
      trust: peerTrust.parse({}),
      deduplicates: false,
      ...target,
    },
    messageId: "0198a000-0000-7000-8000-000000000001",
    contextId: "0198a000-0000-7000-8000-000000000002",
    ...{ taskId: null, referenceTaskIds: [], skill: "do", input: { input: "it" }, hopsMax: 4, push: null, signal: stop.signal },
  };
  return { peer, client, call, hearing, heard, stop };
}

describe("a call of a peer", () => {
  it("is done with its artifacts, over 1.0, and its task is told first", async () => {
    const { peer, client, call, hearing, heard } = await open("completes");
    const outcome = await client.send(call, hearing);
    expect(outcome).toMatchObject({
      state: "completed",
      text: "done: it",
      error: null,
      signatures: null,
      did: peer.did,
      didSource: "observed",
    });
    expect(heard.tasks).toEqual([outcome.taskId]);
    expect(peer.journal.find(({ method }) => method === "SendMessage")).toMatchObject({
      version: "1.0",
      contextId: call.contextId,
      text: "it",
    });
  });

  it("sends what is no plain text as data", async () => {
    const { client, call, hearing } = await open("completes");
    expect(await client.send({ ...call, input: { city: "Bern", days: 2 } }, hearing)).toMatchObject({
      text: 'done: {"city":"Bern","days":2}',
    });
  });

  it("is streamed where the card says so: the pieces are heard, and are one text", async () => {
    const { client, call, hearing, heard } = await open("streams");
    const outcome = await client.send(call, hearing);
    expect(outcome.text).toBe("done: itpiece 0 piece 1 piece 2 piece 3 piece 4 ");
    expect(heard.text).toBe(outcome.text);
  });

  it("is done by a peer that writes snake_case, wants task_id, and has no card", async () => {
    const { peer, client, call, hearing } = await open("snake-case");
    expect(await client.send(call, hearing)).toMatchObject({ state: "completed", text: "done: it", did: null });
    expect(peer.messageIds()).toEqual([call.messageId]);
  });

  it.each<[PeerManner, object]>([
    ["rejects", { state: "rejected", prompt: "Not for you." }],
    ["fails", { state: "failed", prompt: "It broke." }],
    ["asks-input", { state: "input-required", prompt: "Which one?" }],
    ["asks-auth", { state: "auth-required", prompt: "Log in at the desk." }],
  ])("of one that %s says so", async (manner, told) => {
    const { client, call, hearing } = await open(manner);
    expect(await client.send(call, hearing)).toMatchObject({ ...told, error: null });
  });

  it("goes on with the same task", async () => {
    const { peer, client, call, hearing } = await open("asks-input");
    const { taskId } = await client.send(call, hearing);
    const outcome = await client.send(
      { ...call, messageId: "0198a000-0000-7000-8000-000000000009", taskId, input: { input: "this one" } },
      hearing,
    );
    expect(outcome).toMatchObject({ state: "completed", taskId, text: "done: this one" });
    expect(peer.journal.filter(({ method }) => method === "SendMessage").map((one) => one.taskId)).toEqual([null, taskId]);
  });

  it("has its signatures looked at, and a wrong one is seen", async () => {
    const trusting = { trust: peerTrust.parse({ verifyDid: true }) };
    const good = await open("signs", { target: trusting });
    expect(await good.client.send(good.call, good.hearing)).toMatchObject({
      signatures: { ok: true, signed: 1, verified: 1, unsigned: 0 },
    });
    const bad = await open("signs-wrongly", { target: trusting });
    expect(await bad.client.send(bad.call, bad.hearing)).toMatchObject({
      state: "completed",
      signatures: { ok: false, signed: 1, verified: 0 },
    });
  });
});

describe("a peer that does harm", () => {
  it.each<PeerManner>(["huge", "endless"])("by being %s costs no more than it may", async (manner) => {
    const { peer, client, call, hearing } = await open(manner, { limits: { peerBytesMax: 200_000 } });
    const outcome = await client.send(call, hearing);
    expect(outcome).toMatchObject({ state: "unknown", error: "The agent sent more than may be read of one call." });
    expect(outcome.text.length).toBeLessThan(200_000);
    await client.cancel({ target: call.target, contextId: call.contextId, taskId: outcome.taskId ?? "", signal: call.signal });
    expect(peer.journal.filter(({ method }) => method === "CancelTask")).toHaveLength(1);
  });

  it("by dying in the middle is given up after a while, and the call is not sent again", async () => {
    const { peer, client, call, hearing, heard } = await open("dies", { limits: { peerAwayMs: 300 } });
    const outcome = await client.send(call, hearing);
    expect(outcome).toMatchObject({ state: "unknown" });
    expect(outcome.error).not.toBeNull();
    expect(heard.tasks.length).toBeLessThanOrEqual(1);
    expect(peer.messageIds()).toEqual([call.messageId]);
  });

  it("by leading to the cloud's metadata is followed nowhere", async () => {
    const { client, call, hearing } = await open("redirects");
    expect(await client.send(call, hearing)).toMatchObject({ state: "failed", error: "The agent may not be called from here." });
  });

  it("that may not be called is not", async () => {
    const { peer, client, call, hearing } = await open("completes", { allow: false });
    expect(await client.send(call, hearing)).toMatchObject({ state: "failed", error: "The agent may not be called from here." });
    expect(peer.journal).toEqual([]);
  });

  it("by never ending is left when the call's time is over", async () => {
    const { client, call, hearing, heard, stop } = await open("stuck");
    const sent = client.send(call, hearing);
    await expect.poll(() => heard.tasks.length).toBe(1);
    stop.abort(new Error("over"));
    await expect(sent).rejects.toThrow("over");
  });
});

describe("a call that was perhaps sent", () => {
  it("is found by its message, with nothing sent again", async () => {
    const { peer, client, call, hearing } = await open("completes");
    const { taskId } = await client.send(call, hearing);
    const found = await client.reconcile({ ...call, sentTaskId: null }, hearing);
    expect(found).toMatchObject({ state: "completed", taskId, text: "done: it" });
    expect(peer.messageIds()).toEqual([call.messageId]);
  });

  it("is found by its task; one that the peer never saw is not", async () => {
    const { client, call, hearing } = await open("completes");
    const { taskId } = await client.send(call, hearing);
    expect(await client.reconcile({ ...call, sentTaskId: taskId }, hearing)).toMatchObject({ taskId, text: "done: it" });
    const other = { ...call, messageId: "0198a000-0000-7000-8000-000000000003", contextId: "0198a000-0000-7000-8000-000000000004" };
    expect(await client.reconcile({ ...other, sentTaskId: null }, hearing)).toBeNull();
    expect(await client.reconcile({ ...other, sentTaskId: "no-such-task" }, hearing)).toBeNull();
  });

  it("has a task of a name while the answer is still out, and only that message's; a peer that cannot be asked says so", async () => {
    const { peer, client, call, hearing } = await open("scripted");
    const { target, contextId, signal } = call;
    const sent = client.send({ ...call, input: { input: "works:50 late:300" } }, hearing);
    await expect.poll(() => peer.tasks.length).toBe(1);
    const find = (messageId: string) => client.find({ target, messageId, contextId, signal });
    expect(await find(call.messageId)).toBe(peer.tasks[0]?.id);
    expect(await find("0198a000-0000-7000-8000-000000000003")).toBeNull();
    expect(await sent).toMatchObject({ state: "completed", text: "done: works:50 late:300", taskId: peer.tasks[0]?.id });
    const silent = await open("snake-case");
    await expect(silent.client.find({ ...silent.call })).rejects.toThrow();
  });
});
