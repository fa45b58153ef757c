import { randomUUID } from "node:crypto";
import { at, type OpenclawServer, type RestAnswer, type System, startOpenclawServer, startSystem, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";

/** Only a hang reaches it, on a busy machine, too. */
const PATIENCE = { timeout: 20_000, interval: 50 };
const TOKEN = "a-token-nobody-sees";
const SECRETS = [{ name: "claw", value: TOKEN, organizations: "all" }];

let claw: OpenclawServer;
let system: System;
let agentId: string;
let relayId: string;
let peerId: string;
beforeAll(async () => {
  claw = await startOpenclawServer({ token: TOKEN });
  system = await startSystem({
    ...{ apis: 2, workers: 1, leaseMs: 2_000, allow: [claw.host] },
    env: {
      LIMIT_CHAT_WAIT_MS: "15000",
      LIMIT_GATEWAY_ASK_MS: "3000",
      LIMIT_PEER_AWAY_MS: "3000",
      TOOL_SECRETS: JSON.stringify(SECRETS.map((secret) => ({ ...secret, hosts: [claw.host] }))),
    },
  });
  agentId = await system.ours.newAgent({ mayAsk: true });
  peerId = await newPeer({ auth: { type: "secret", name: "claw" }, priceMicros: 70 });
  relayId = await system.ours.newAgent({ relayTo: peerId as never });
  system.model.otherwise(({ lastUserText }) => ({ text: [`heard: ${lastUserText}`] }));
});
afterAll(async () => {
  await system?.close();
  await claw?.close();
});
beforeEach(() => {
  claw.fault = null;
  claw.journal.length = 0;
});

async function trpc(kind: "query" | "mutation", name: string, input: unknown): Promise<unknown> {
  const outcome = await callTrpc(system.rest(), kind, name, input);
  if (!outcome.ok) throw new Error(`${name} was refused: ${outcome.code}`);
  return outcome.data;
}
const newPeer = async (more: object): Promise<string> =>
  String(at(await trpc("mutation", "peer.create", { name: "Claw", protocol: "openclaw", endpoint: claw.url, ...more }), "id"));

interface Chat {
  body?: unknown;
  headers?: Record<string, string>;
  api?: number;
  apiKey?: string | null;
}
const chat = (message: unknown, { body = {}, headers = {}, api = 0, apiKey }: Chat = {}): Promise<RestAnswer> =>
  system.rest(api, apiKey).call("/api/gateway/chat", { body: { message, ...(body as object) }, headers });
const job = async (jobId: unknown): Promise<unknown> => at((await system.rest().call(`/api/jobs/${String(jobId)}`)).body, "job");
const doneJob = async (jobId: unknown): Promise<unknown> => {
  await expect.poll(async () => at(await job(jobId), "status"), PATIENCE).toBe("completed");
  return job(jobId);
};

describe("a chat with our own agent", () => {
  test("is a turn like any other, in the conversation that the session's name stands for", async () => {
    const sessionKey = randomUUID();
    const first = await chat("one", { body: { sessionKey } });
    expect(first).toMatchObject({
      status: 200,
      body: { success: true, reply: "heard: one", status: "completed", agentId, agentName: expect.any(String), sessionKey },
    });
    const second = await chat("two", { body: { sessionKey, agentId } });
    expect(at(second.body, "conversationId")).toBe(at(first.body, "conversationId"));
    expect(at(second.body, "turnId")).not.toBe(at(first.body, "turnId"));
    expect(Number(at(first.body, "usage", "output"))).toBeGreaterThan(0);
    expect(claw.journal).toEqual([]);
    expect(await job(at(first.body, "jobId"))).toMatchObject({
      ...{ status: "completed", lane: "runtime_exec", jobType: "chat", agentId, error: null },
      ...{ result: { reply: "heard: one" }, payload: { message: "one" } },
    });
  });

  test.each([
    ["respond-async", "respond-async"],
    ["wait=0", "wait=0"],
  ])("preferred as `%s` it is answered at once with a place to look, and goes on", async (prefer, applied) => {
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    system.model.script({ text: ["later"], after });
    const answer = await chat("later", { headers: { prefer }, body: { sessionKey: randomUUID() } });
    expect(answer).toMatchObject({ status: 202, body: { success: true, queued: true, status: "queued", agentId } });
    expect(answer.headers.get("preference-applied")).toBe(applied);
    const jobId = String(at(answer.body, "jobId"));
    expect(answer.headers.get("location")).toBe(`/api/jobs/${jobId}`);
    expect(await job(jobId)).toMatchObject({ status: expect.stringMatching(/queued|running/), result: null, completedAt: null });
    go();
    expect(await doneJob(jobId)).toMatchObject({ result: { reply: "later", status: "completed" } });
  });

  test("that takes longer than it may is answered 202, and its call made again gets the reply, from any replica", async () => {
    const key = randomUUID();
    const { promise: after, resolve: go } = Promise.withResolvers<void>();
    system.model.script({ text: ["at last"], after });
    const sessionKey = randomUUID();
    const send = (api: number, prefer: string) => chat("slow", { api, body: { sessionKey }, headers: { prefer, "idempotency-key": key } });
    const pending = await send(0, "wait=1");
    expect(pending).toMatchObject({ status: 202, body: { queued: true } });
    go();
    const reply = await send(1, "wait=15");
    expect(reply).toMatchObject({ status: 200, body: { reply: "at last", jobId: at(pending.body, "jobId") } });
    expect(await chat("other", { body: { sessionKey }, headers: { "idempotency-key": key } })).toMatchObject({ status: 409 });
  });

  test("that asks its user says what, and takes the next message as the answer", async () => {
    const sessionKey = randomUUID();
    const questions = { questions: [{ id: "q", text: "Which one?" }] };
    system.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: questions }] });
    const asked = await chat("choose", { body: { sessionKey } });
    expect(asked).toMatchObject({ status: 200, body: { status: "paused", reply: expect.stringContaining("Which one?") } });
    expect(await job(at(asked.body, "jobId"))).toMatchObject({ status: "running", result: { status: "paused" } });
    const answered = await chat("the blue one", { body: { sessionKey } });
    expect(answered).toMatchObject({ status: 200, body: { status: "completed", turnId: at(asked.body, "turnId") } });
  });
});

describe("a chat with an agent of an OpenClaw gateway", () => {
  const relay = (message: string, more: Chat = {}) =>
    chat(message, { ...more, body: { agentId: relayId, sessionKey: randomUUID(), ...(more.body as object) } });

  test("is what the gateway says, once sent, in a session of its own; no model of ours is asked", async () => {
    const asked = system.model.journal.length;
    const answer = await relay("Hello");
    expect(answer).toMatchObject({ status: 200, body: { reply: "You said: Hello", status: "completed", agentId: relayId } });
    expect(at(answer.body, "usage")).toEqual({ input: 11, output: 7, total: 18 });
    const [sent, ...others] = claw.asked("chat.send");
    expect([sent?.params["message"], others, system.model.journal.length]).toEqual(["Hello", [], asked]);
    const again = await relay("And more", { body: { sessionKey: at(answer.body, "sessionKey") } });
    expect(again).toMatchObject({ status: 200, body: { conversationId: at(answer.body, "conversationId") } });
    expect(claw.asked("chat.send")[1]?.params["sessionKey"]).toBe(sent?.params["sessionKey"]);
    expect(JSON.stringify([answer.body, await job(at(answer.body, "jobId"))])).not.toContain(TOKEN);
  });

  test("is the one of the organization's oldest agent only where there is no other", async () => {
    const theirs = await system.newTenant("relays alone");
    const rest = system.rest(0, theirs.apiKey);
    const send = () => rest.call("/api/gateway/chat", { body: { message: "Hello" } });
    expect(await send()).toMatchObject({ status: 404, body: { error: "No agent found" } });
    const auth = { type: "bearer", token: TOKEN };
    const made = await callTrpc(rest, "mutation", "peer.create", { name: "Claw", protocol: "openclaw", endpoint: claw.url, auth });
    await theirs.newAgent({ relayTo: at(made, "data", "id") as never });
    expect(await send()).toMatchObject({ status: 200, body: { reply: "You said: Hello" } });
    await theirs.newAgent();
    expect(await send()).toMatchObject({ status: 200, body: { reply: "heard: Hello" } });
  });

  test("streams at the other doors as any answer does", async () => {
    const body = { input: { text: "Hello" } };
    let text = "";
    for await (const { type, data } of system.rest().stream(`/v1/agents/${relayId}/gateway/invoke/stream`, { body }))
      if (type === "chunk") text += String(data);
    expect(text).toBe("You said: Hello");
    const spoken = await system.rest().call("/v1/chat/completions", {
      body: { model: `agent/${relayId}`, messages: [{ role: "user", content: "Hello" }] },
    });
    expect(at(spoken.body, "choices", 0, "message", "content")).toBe("You said: Hello");
  });

  test("whose worker is killed in the middle is taken over: the run is found, and nothing is sent twice", async () => {
    claw.fault = "slow";
    const waiting = relay("survive");
    await expect.poll(() => claw.runs().length > 0 && claw.asked("chat.send").length, PATIENCE).toBe(1);
    await Promise.all(system.workers.map((worker) => worker.kill("SIGKILL")));
    claw.fault = null;
    await Promise.all(system.workers.map((worker) => worker.restart()));
    claw.release();
    expect(await waiting).toMatchObject({ status: 200, body: { reply: "You said: survive" } });
    expect(claw.asked("chat.send")).toHaveLength(1);
  });

  test("that is stopped is aborted there, by the name of its run", async () => {
    claw.fault = "slow";
    const { body } = await relay("stop me", { headers: { prefer: "respond-async" } });
    await expect.poll(() => claw.asked("chat.send").length, PATIENCE).toBe(1);
    const runId = claw.asked("chat.send")[0]?.params["idempotencyKey"];
    await trpc("mutation", "conversation.stop", { conversationId: at(body, "conversationId") });
    await expect.poll(() => claw.aborted(), PATIENCE).toContain(runId);
    expect(await job(at(body, "jobId"))).toMatchObject({ status: "failed", error: "user_stop", result: null });
    claw.release();
  });

  test.each([
    ["refuses", 502, "Chat failed: The agent refused (INVALID_REQUEST)."],
    ["old-protocol", 502, "Chat failed: The agent speaks another version of the protocol."],
    ["fails", 502, "Chat failed: The agent's task failed."],
  ] as const)("that %s is answered %i", async (fault, status, error) => {
    claw.fault = fault;
    const answer = await relay("Hello");
    expect([answer.status, answer.body]).toEqual([status, { error }]);
  });

  test("for which there is no token is answered 503", async () => {
    const bare = await system.ours.newAgent({ relayTo: (await newPeer({})) as never });
    const answer = await chat("Hello", { body: { agentId: bare, sessionKey: randomUUID() } });
    expect([answer.status, answer.body]).toEqual([503, { error: "No gateway token available" }]);
    const later = await chat("Hello", { body: { agentId: bare, sessionKey: randomUUID() }, headers: { prefer: "respond-async" } });
    await expect.poll(async () => at(await job(at(later.body, "jobId")), "error"), PATIENCE).toBe("peer_token_missing");
  });
});

describe("the door", () => {
  test.each([
    ["no message", {}, 400, "Message required"],
    ["an empty one", { message: "  " }, 400, "Message required"],
    ["one that is no text", { message: 7 }, 400, "Message required"],
    ["no object", [], 400, "Message required"],
    ["an unknown agent", { message: "x", agentId: randomUUID() }, 404, "No agent found"],
    ["no agent's name", { message: "x", agentId: "main" }, 404, "No agent found"],
    ["a long session key", { message: "x", sessionKey: "k".repeat(513) }, 400, "The session key is too long"],
  ])("refuses %s", async (_what, body, status, error) => {
    const answer = await system.rest().call("/api/gateway/chat", { body });
    expect([answer.status, answer.body]).toEqual([status, { error }]);
  });

  test("knows nobody's jobs but one's own, and no names that are none", async () => {
    const theirs: Tenant = await system.newTenant("theirs");
    const { body } = await chat("mine");
    const jobId = String(at(body, "jobId"));
    expect((await system.rest().call(`/api/jobs/${jobId}`)).status).toBe(200);
    const other = `${jobId.slice(0, -1)}${jobId.endsWith("0") ? "1" : "0"}`;
    for (const [key, name] of [
      [theirs.apiKey, jobId],
      [system.ours.apiKey, other],
      [system.ours.apiKey, `job_${"0".repeat(64)}`],
      [system.ours.apiKey, "job_1"],
      [system.ours.apiKey, "%00"],
    ] as const) {
      const answer = await system.rest(0, key).call(`/api/jobs/${name}`);
      expect([name, answer.status, answer.body]).toEqual([name, 404, { error: "Not found" }]);
    }
    expect((await chat("x", { apiKey: null })).status).toBe(401);
    expect((await system.rest().call("/api/gateway/chat", { method: "GET" })).status).toBe(405);
  });

  test("tells how it is itself, and how the gateway is that an agent hands on to; each part by itself", async () => {
    const status = async (query = "") => (await system.rest().call(`/api/gateway/status${query}`)).body;
    expect(await status()).toMatchObject({
      ...{ health: "healthy", healthDetail: { ok: true, status: "running" } },
      ...{ sessions: { available: true, total: expect.any(Number), error: null }, cron: { available: false, jobs: [] } },
    });
    const theirs = `?agentId=${relayId}`;
    await chat("Hello", { body: { agentId: relayId } });
    const well = await status(theirs);
    expect(well).toMatchObject({
      ...{ health: "healthy", healthDetail: { ok: true, status: "live" } },
      sessions: { available: true, list: expect.arrayContaining([expect.objectContaining({ agentId: null })]), error: null },
      cron: {
        available: true,
        total: 1,
        enabled: 1,
        jobs: [{ id: "job-1", name: "Heartbeat", schedule: { kind: "every", everyMs: 60_000 } }],
      },
    });
    claw.fault = "no-cron";
    expect(await status(theirs)).toMatchObject({
      ...{ health: "healthy", sessions: { available: true }, cron: { available: false, error: "It refuses (UNAVAILABLE)." } },
    });
    claw.fault = "sick";
    expect(await status(theirs)).toMatchObject({ health: "unreachable", healthDetail: { ok: false }, sessions: { available: true } });
    claw.fault = "silent";
    expect(await status(theirs)).toMatchObject({ health: "healthy", sessions: { available: false }, cron: { available: false } });
    const nobody = await newPeer({ endpoint: "http://127.0.0.1:1", auth: { type: "none" } });
    const lost = await system.ours.newAgent({ relayTo: nobody as never });
    expect(await status(`?agentId=${lost}`)).toMatchObject({
      health: "unreachable",
      sessions: { available: false },
      cron: { available: false },
    });
    expect((await system.rest().call(`/api/gateway/status?agentId=${randomUUID()}`)).status).toBe(404);
  });
});

// Last, as an api that is started anew stands elsewhere.
test("a chat whose api is killed while it is waited for goes on, and is found again by its key", async () => {
  const [doomed] = system.apis;
  const key = randomUUID();
  const sessionKey = randomUUID();
  const { promise: after, resolve: go } = Promise.withResolvers<void>();
  const asked = () => system.model.journal.filter(({ body }) => body.messages?.at(-1)?.content === "killed").length;
  system.model.when(({ lastUserText }) => lastUserText === "killed", { text: ["survived"], after });
  const call = { body: { sessionKey }, headers: { "idempotency-key": key } };
  const waiting = chat("killed", call).catch(() => "cut");
  await expect.poll(asked, PATIENCE).toBe(1);
  await doomed?.kill("SIGKILL");
  expect(await waiting).toBe("cut");
  go();
  const found = await chat("killed", { ...call, api: 1 });
  expect(found).toMatchObject({ status: 200, body: { reply: "survived" } });
  await doomed?.restart();
  expect(await chat("killed", call)).toMatchObject({ status: 200, body: { reply: "survived", turnId: at(found.body, "turnId") } });
  expect(asked()).toBe(1);
});
