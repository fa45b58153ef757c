import type { PeerAuth } from "@parley/contracts";
import type { PeerCall, PeerHearing } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { type OpenclawOptions, type OpenclawServer, startOpenclawServer } from "@parley/testkit/openclaw-server";
import { afterEach, describe, expect, it } from "vitest";
import { createDidIdentity } from "../did/did-identity.ts";
import { createTokenProvider } from "../oauth/token-provider.ts";
import { createOpenclawClient } from "./openclaw-client.ts";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.close();
});

const identity = createDidIdentity({ seed: Buffer.alloc(32, 7), author: "a@b.example", name: "gate" });
const BEARER: PeerAuth = { type: "bearer", token: "openclaw-token" };
const SECRET = { name: "tool.claw", value: "openclaw-token" };

async function start(options: OpenclawOptions = {}, bounds: { gatewayAskMs?: number; peerAwayMs?: number; peerBytesMax?: number } = {}) {
  const gateway = await startOpenclawServer(options);
  opened.push(gateway);
  const egress = createEgress({ allow: [gateway.host], secrets: [{ ...SECRET, hosts: [gateway.host] }] });
  opened.push(egress);
  const client = createOpenclawClient({
    socket: egress.socket,
    credentials: {
      findSecret: (_organizationId, name) => (name === "claw" ? SECRET.name : null),
      ...{ tokens: createTokenProvider({ fetch: egress.fetch }), identity, hydra: null, now: Date.now },
    },
    bounds: { gatewayAskMs: 2_000, peerAwayMs: 2_000, peerBytesMax: 100_000, ...bounds },
  });
  return { gateway, client };
}

let calls = 0;
function callOf(gateway: OpenclawServer, more: { auth?: PeerAuth; input?: Record<string, unknown>; signal?: AbortSignal } = {}) {
  calls += 1;
  const heard = { tasks: [] as string[], text: "" };
  const { auth = BEARER, input = { input: "Hello there" }, signal = new AbortController().signal } = more;
  const trust = { verifyDid: false, policy: "lenient", onBadSignature: "fail" } as const;
  const call: PeerCall = {
    target: {
      organizationId: "o",
      id: "p",
      name: "Claw",
      protocol: "openclaw",
      endpoint: gateway.url,
      changedAt: null,
      auth,
      trust,
      deduplicates: false,
    },
    ...{
      messageId: `message-${calls}`,
      contextId: `session-${calls}`,
      taskId: null,
      referenceTaskIds: [],
      hopsMax: 1,
      skill: null,
      input,
      push: null,
      signal,
    },
  };
  const hearing: PeerHearing = {
    onTask: async ({ taskId }) => void heard.tasks.push(taskId),
    onRefused: async () => {},
    onProgress: () => undefined,
    onText: (text) => {
      heard.text += text;
    },
    nudged: () => new Promise(() => {}),
  };
  return { call, hearing, heard };
}

const whole = { state: "completed", error: null, text: "You said: Hello there" };

describe("a call of an OpenClaw gateway", () => {
  it("speaks in order: nothing before the challenge, connect before the message, and the answer piece by piece", async () => {
    const { gateway, client } = await start();
    const { call, hearing, heard } = callOf(gateway);
    const outcome = await client.send(call, hearing);
    expect(outcome).toMatchObject({ ...whole, taskId: call.messageId, tokens: { inputTokens: 11, outputTokens: 7, estimated: false } });
    expect(heard).toEqual({ tasks: [call.messageId], text: whole.text });
    expect(gateway.journal.map(({ method }) => method)).toEqual(["connect", "chat.send"]);
    const [connect, send] = gateway.journal;
    expect(connect?.params).toMatchObject({
      ...{ minProtocol: 3, maxProtocol: 4, role: "operator", scopes: ["operator.read", "operator.write"] },
      ...{ client: { id: "gateway-client", mode: "backend" }, auth: { token: "openclaw-token" } },
    });
    expect(connect?.params).not.toHaveProperty("device");
    expect(send?.params).toEqual({ sessionKey: call.contextId, message: "Hello there", idempotencyKey: call.messageId });
    await expect.poll(() => gateway.sockets()).toBe(0);
  });

  it("shows a named secret, or a signed challenge, where it must", async () => {
    const { gateway, client } = await start({ pairs: true });
    const named = callOf(gateway, { auth: { type: "did_signed", secret: "claw" } });
    expect(await client.send(named.call, named.hearing)).toMatchObject(whole);
    const unsigned = callOf(gateway, { auth: { type: "secret", name: "claw" } });
    expect(await client.send(unsigned.call, unsigned.hearing)).toMatchObject({ state: "failed", error: "The agent refused (NOT_PAIRED)." });
    const unknown = callOf(gateway, { auth: { type: "secret", name: "nobody's" } });
    expect(await client.send(unknown.call, unknown.hearing)).toMatchObject({
      state: "failed",
      error: "The agent may not be called from here.",
    });
    expect(gateway.runs()).toHaveLength(1);
  });

  it.each([
    ["another version", "old-protocol", "The agent speaks another version of the protocol."],
    ["no challenge", "silent", "The agent did not answer in time."],
    ["no frames", "garbage", "The agent's answer could not be understood."],
    ["a refusal", "refuses", "The agent refused (INVALID_REQUEST)."],
  ] as const)("has failed, and begun nothing, where there is %s", async (_what, fault, error) => {
    const { gateway, client } = await start({}, { gatewayAskMs: 300 });
    gateway.fault = fault;
    const { call, hearing, heard } = callOf(gateway);
    expect(await client.send(call, hearing)).toMatchObject({ state: "failed", error, taskId: null });
    expect([gateway.runs(), heard.tasks]).toEqual([[], []]);
  });

  it("says that a token is missing where none is kept, and that another is wrong", async () => {
    const { gateway, client } = await start();
    const none = callOf(gateway, { auth: { type: "none" } });
    expect(await client.send(none.call, none.hearing)).toMatchObject({ state: "failed", error: "No gateway token available" });
    const wrong = callOf(gateway, { auth: { type: "bearer", token: "another" } });
    expect(await client.send(wrong.call, wrong.hearing)).toMatchObject({ state: "failed", error: "The agent refused (INVALID_REQUEST)." });
  });

  it("comes back to one that starts when that says so", async () => {
    const { gateway, client } = await start();
    gateway.fault = "starting";
    const { call, hearing } = callOf(gateway);
    expect(await client.send(call, hearing)).toMatchObject(whole);
    expect(gateway.asked("connect")).toHaveLength(2);
  });

  it.each(["cut-before-taken", "cut-in-answer"] as const)(
    "sends one message, and finds its answer, over a socket that is %s",
    async (fault) => {
      const { gateway, client } = await start();
      gateway.fault = fault;
      const { call, hearing, heard } = callOf(gateway);
      expect(await client.send(call, hearing)).toMatchObject({ ...whole, taskId: call.messageId });
      expect([gateway.runs(), heard.tasks, gateway.asked("chat.send").length]).toEqual([[call.messageId], [call.messageId], 1]);
      expect(gateway.asked("connect").length).toBeGreaterThan(1);
    },
  );

  it("believes neither events of other runs, nor repeated ones, nor what comes behind the end", async () => {
    const { gateway, client } = await start();
    gateway.fault = "lies";
    const { call, hearing, heard } = callOf(gateway);
    expect(await client.send(call, hearing)).toMatchObject(whole);
    expect(heard.text).toBe(whole.text);
  });

  it("gives the whole answer where what was passed on of it is restated", async () => {
    const { gateway, client } = await start();
    gateway.fault = "restates";
    const { call, hearing, heard } = callOf(gateway);
    expect(await client.send(call, hearing)).toMatchObject(whole);
    expect(heard.text).toBe("Something else entirely");
  });

  it.each([
    ["fails", "failed", "rate_limit: too many"],
    ["aborts", "canceled", "the operator has stopped it"],
  ] as const)("tells an end that is no answer: %s", async (fault, state, prompt) => {
    const { gateway, client } = await start();
    gateway.fault = fault;
    const { call, hearing } = callOf(gateway);
    expect(await client.send(call, hearing)).toMatchObject({ state, prompt, tokens: { estimated: true } });
  });

  it("goes on with a run by its name or by its message, and sends nothing", async () => {
    const { gateway, client } = await start();
    const { call, hearing } = callOf(gateway);
    expect(await client.reconcile({ ...call, sentTaskId: null }, hearing)).toBeNull();
    await client.send(call, hearing);
    expect(await client.reconcile({ ...call, sentTaskId: null }, hearing)).toMatchObject(whole);
    expect(await client.reconcile({ ...call, sentTaskId: call.messageId }, hearing)).toMatchObject(whole);
    expect(gateway.asked("chat.send")).toHaveLength(1);
  });

  it("is `unknown` when the gateway stays away in the middle of it", async () => {
    const { gateway, client } = await start({}, { peerAwayMs: 300 });
    gateway.fault = "slow";
    const { call, hearing } = callOf(gateway);
    const sending = client.send(call, hearing);
    await expect.poll(() => gateway.runs()).toHaveLength(1);
    await gateway.close();
    expect(await sending).toMatchObject({ state: "unknown", taskId: call.messageId, error: "The connection to the agent broke off." });
  });

  it("ends with its signal, and then its run is aborted by its name", async () => {
    const { gateway, client } = await start();
    gateway.fault = "slow";
    const stop = new AbortController();
    const { call, hearing } = callOf(gateway, { signal: stop.signal });
    const sending = client.send(call, hearing);
    const ended = expect(sending).rejects.toThrow("enough");
    await expect.poll(() => gateway.runs()).toHaveLength(1);
    stop.abort(new Error("enough"));
    await ended;
    const { target, messageId: taskId, contextId } = call;
    await client.cancel({ target, taskId, contextId, signal: new AbortController().signal });
    expect(gateway.aborted()).toEqual([taskId]);
  });

  it("names no run for a message that nobody has said to have taken", async () => {
    const { gateway, client } = await start();
    gateway.fault = "swallows";
    const stop = new AbortController();
    const { call, hearing, heard } = callOf(gateway, { signal: stop.signal });
    const ended = expect(client.send(call, hearing)).rejects.toThrow("enough");
    await expect.poll(() => gateway.asked("chat.send")).toHaveLength(1);
    stop.abort(new Error("enough"));
    await ended;
    expect(heard.tasks).toEqual([]);
  });

  it("reads no more than it may, and sends nothing that is longer than the gateway takes", async () => {
    const { gateway, client } = await start({ answer: () => "x".repeat(200_000) }, { peerAwayMs: 100 });
    const much = callOf(gateway);
    expect(await client.send(much.call, much.hearing)).toMatchObject({ state: "unknown", text: "" });
    const long = callOf(gateway, { input: { input: "x".repeat(100_001) } });
    expect(await client.send(long.call, long.hearing)).toMatchObject({
      state: "failed",
      error: "The message is longer than the agent takes.",
    });
  });
});
