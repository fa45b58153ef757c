import { randomUUID } from "node:crypto";
import { at, type System } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Clerk, isTold, startClerk } from "./support/clerk.ts";
import { openRpc, type RpcClient } from "./support/rpc-client.ts";
import { SERVED } from "./support/served.ts";

type Params = Record<string, unknown>;

let clerk: Clerk;
let system: System;
let client: RpcClient;
let agentId: string;
beforeAll(async () => {
  clerk = await startClerk({ env: { LIMIT_PAGE_MAX: "40" } });
  ({ system, client, agentId } = clerk);
});
afterAll(() => clerk?.close());

const execute: Clerk["execute"] = (message, more) => clerk.execute(message, more);
const refused: Clerk["refused"] = (method, params) => clerk.refused(method, params);

describe("agent.execute", () => {
  test("answers with the turn's end, and goes on with its conversation", async () => {
    const first = await execute("Hi");
    expect(first).toMatchObject({ response: "Hello there", finishReason: "stop", status: "completed", reason: null, replayed: false });
    expect(first.tokensUsed).toMatchObject({ total: expect.toSatisfy((total: number) => total > 0) });
    expect(first.sessionKey).toBe(first.conversationId);
    const second = await client.result("agent.execute", { message: "And?", conversationId: first.conversationId });
    expect(second).toMatchObject({ conversationId: first.conversationId, response: "Hello there" });
    const { messages } = await client.result("session.history", { session_key: first.conversationId });
    expect((messages as { content: string }[]).map(({ content }) => content)).toEqual(["Hi", "Hello there", "And?", "Hello there"]);
  });

  test("answers with the cards of a turn that waits for a person, and the answer resumes it", async () => {
    const paused = await execute("ask");
    expect(paused).toMatchObject({ status: "paused", finishReason: "paused", response: "" });
    const { conversationId } = paused;
    const cardId = at(paused, "cards", 0, "id");
    expect(await client.result("conversation.state", { conversationId })).toMatchObject({ state: "paused", cardsOpen: 1 });
    // A message behind a card is not waited for.
    expect(await execute("behind", { conversationId })).toMatchObject({ status: "pending", finishReason: "pending" });
    expect(await refused("conversation.answer", { conversationId, cardId, answers: [] })).toMatchObject({
      code: -32602,
      data: { code: "invalid_answers" },
    });
    const answers = [{ questionId: "q", freeText: "this" }];
    expect(await client.result("conversation.answer", { conversationId, cardId, answers })).toMatchObject({
      outcome: "answered",
      resumed: true,
    });
    await expect.poll(async () => (await client.result("conversation.state", { conversationId })).state, { timeout: 20_000 }).toBe("idle");
  });

  test("of a turn that is stopped answers with what was said until then", async () => {
    const running = execute("long");
    const newest = async () => at(await client.result("session.list", { limit: 1 }), "sessions", 0);
    await expect.poll(async () => at(await newest(), "status")).toBe("executing");
    const conversationId = at(await newest(), "sessionKey");
    await expect.poll(async () => (await client.result("conversation.state", { conversationId })).state).toBe("running");
    expect(await client.result("conversation.stop", { conversationId })).toMatchObject({ stopped: true });
    expect(await running).toMatchObject({ conversationId, status: "stopped", finishReason: "stopped", reason: "user_stop" });
  });

  test("needs an agent where there are several to choose from", async () => {
    await system.ours.newAgent();
    expect(await refused("agent.execute", { message: "Hi" })).toMatchObject({
      code: -32602,
      message: "Missing required parameter: agentId",
    });
    const only = await openRpc(system.apis[0]?.url ?? "", await system.ours.newKey({ scopes: ["rpc"], agentIds: [agentId] }));
    expect(await only.result("agent.execute", { message: "Hi" })).toMatchObject({ response: "Hello there" });
    await only.close();
  });
});

describe("sessions", () => {
  test("are listed newest first, in parts, with what they have in them", async () => {
    const before = (await client.result("session.list")).total as number;
    const { conversationId } = await execute("Hi", { options: { title: "Named" }, user: { email: "a@b.example", id: "u-1" } });
    const list = await client.result("session.list", { limit: 1 });
    expect(list).toMatchObject({ total: before + 1, offset: 0, limit: 1, hasMore: before > 0 });
    expect(list.sessions).toEqual([
      {
        ...{ sessionKey: conversationId, agentId, userId: "u-1", kind: "dm", label: "Named", status: "completed", messageCount: 2 },
        ...{ totalTokens: expect.any(Number), createdAt: expect.any(Number), updatedAt: expect.any(Number) },
      },
    ]);
    expect(at(await client.result("session.list", { offset: 1 }), "sessions", 0, "sessionKey")).not.toBe(conversationId);
    expect(await client.result("session.list", { kind: "sub-agent" })).toMatchObject({ sessions: [], total: 0 });
    expect(await client.result("session.list", { since_minutes: 60, agentId })).toMatchObject({ total: expect.any(Number) });
    expect(await refused("session.list", { limit: 41 })).toMatchObject({ code: -32602, data: { code: "invalid_input" } });
  });

  test("tell their history in parts, oldest first, and of the current branch alone", async () => {
    const { conversationId, messageId } = await execute("one");
    for (const message of ["two", "three"]) await execute(message, { conversationId });
    const part = await client.result("session.history", { session_key: conversationId, offset: 1, limit: 2 });
    expect(part).toMatchObject({
      total: 6,
      offset: 1,
      limit: 2,
      hasMore: true,
      session: { key: conversationId, agentId, messageCount: 6 },
    });
    expect((part.messages as Params[]).map(({ role, content }) => [role, content])).toEqual([
      ["assistant", "Hello there"],
      ["user", "two"],
    ]);
    const body = { agentId, conversationId, messageId, text: "anew" };
    await system.rest().call("/trpc/turn.edit", { body });
    await expect.poll(async () => (await client.result("conversation.state", { conversationId })).state).toBe("idle");
    const after = await client.result("session.history", { session_key: conversationId });
    expect((after.messages as Params[]).map(({ content }) => content)).toEqual(["anew", "Hello there"]);
  });

  test("are found by what was said in them, whoever said it and however it was spelled", async () => {
    const { conversationId } = await execute("Where is the ZEBRAÇ today?");
    const found = await client.result("session.search", { query: "zebraç" });
    expect(found).toMatchObject({
      mode: "search",
      total: 1,
      results: [{ sessionKey: conversationId, role: "user", snippet: "Where is the ZEBRAÇ today?" }],
    });
    expect(await client.result("session.search", { query: "zebraç", scope: "assistant" })).toMatchObject({ results: [] });
    expect(await client.result("session.search", { query: "%" })).toMatchObject({ results: [] });
    expect(await client.result("session.search", { limit: 2 })).toMatchObject({
      mode: "recent",
      sessions: [{ sessionKey: conversationId }, {}],
    });
  });

  test("tell their state, and are exported whole", async () => {
    const { conversationId, tokensUsed } = await execute("Hi");
    const total = at(tokensUsed, "total");
    expect(await client.result("session.status", { session_key: conversationId })).toMatchObject({
      ...{ sessionKey: conversationId, agentName: "Clerk", model: "custom/scripted", tokensUsed: { totalTokens: total } },
      ...{ stepsExecuted: 1, maxSteps: 20, state: "idle", turnNumber: 1, queueDepth: 0, held: false },
    });
    expect(await client.result("session.export", { session_key: conversationId })).toMatchObject({
      ...{ sessionKey: conversationId, messageCount: 2, hasMore: false, metadata: { agentId, totalTokens: total } },
      messages: [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello there" },
      ],
    });
  });

  test("are written to, waited for or not, and spawned", async () => {
    const { conversationId } = await execute("Hi");
    expect(await client.result("session.send", { session_key: conversationId, text: "more" })).toMatchObject({
      status: "completed",
      response: "Hello there",
    });
    const sent = await client.result("session.send", { session_key: conversationId, text: "and more", mode: "fire-and-forget" });
    expect(sent).toMatchObject({ action: "started", sessionKey: conversationId });
    const late = await client.result("session.send", { session_key: conversationId, text: "long", timeout_ms: 0 });
    expect(late).toMatchObject({ status: "pending" });
    await client.result("conversation.stop", { conversationId, clearQueue: true });

    const done = await client.result("session.spawn", { agent: agentId, task: "do it" });
    expect(done).toMatchObject({ async: false, response: "Hello there", taskDescription: "do it" });
    const spawned = await client.result("session.spawn", { agent: agentId, task: "long", async: true });
    expect(spawned).toMatchObject({ async: true, action: "started" });
    const { runs } = await client.result("subagent.list", { recentMinutes: 5 });
    expect((runs as Params[]).map(({ runId }) => runId)).toEqual([spawned.runId, done.runId]);
    await expect.poll(async () => (await client.result("conversation.state", { conversationId: spawned.runId })).state).toBe("running");
    expect(await client.result("subagent.steer", { target: spawned.runId, message: "faster" })).toMatchObject({
      status: "steered",
      action: "steering",
    });
    expect(await client.result("subagent.kill", { target: spawned.runId })).toMatchObject({ killed: true, status: "stopped" });
    expect(await refused("subagent.steer", { target: spawned.runId, message: "again" })).toMatchObject({
      data: { code: "nothing_to_steer" },
    });
  });

  test("are compacted on demand, and deleted", async () => {
    const { conversationId } = await execute("Hi");
    expect(await client.result("session.compact", { session_key: conversationId })).toMatchObject({
      compactionTriggered: true,
      messageCount: 2,
    });
    expect(await client.result("session.delete", { session_key: conversationId })).toEqual({ sessionKey: conversationId, deleted: true });
    expect(await refused("session.history", { session_key: conversationId })).toMatchObject({ code: -32602, data: { code: "not_found" } });
  });

  test("with background children have these as sessions and runs of their own", async () => {
    const helper = await system.ours.newAgent({ name: "Helper", description: "Helps" });
    const parent = await system.ours.newAgent({ subAgents: [{ agentId: helper as never, mode: "async" }] });
    system.model.when(isTold("dispatch"), { toolCalls: [{ name: "helper", arguments: { query: "help out" } }] });
    const { conversationId } = await client.result("agent.execute", { agentId: parent, message: "dispatch" });
    const { sessions } = await client.result("session.list", { kind: "sub-agent" });
    expect(sessions).toMatchObject([{ agentId: helper, kind: "sub-agent" }]);
    const { runs } = await client.result("subagent.list");
    expect(runs).toContainEqual(
      expect.objectContaining({ runId: at(sessions, 0, "sessionKey"), parentId: conversationId, mode: "async", task: "help out" }),
    );
  });
});

test("memories are searched, looked at, counted and forgotten", async () => {
  await execute("remember");
  await execute("remember");
  const { entries, total } = await client.result("memory.browse", { offset: 1, limit: 1 });
  expect(total).toBe(2);
  expect(entries).toMatchObject([{ content: expect.stringMatching(/^fact /), memoryType: "organization", trustLevel: "learned", agentId }]);
  const id = at(entries, 0, "id");
  expect(await client.result("memory.inspect", { id })).toMatchObject({ entry: { id } });
  expect(await client.result("memory.inspect")).toMatchObject({ stats: { totalEntries: 2 } });
  expect(await client.result("memory.stats", { agent_id: agentId })).toMatchObject({
    ...{ totalEntries: 2, byType: { organization: 2 }, byTrustLevel: { learned: 2, external: 0 }, byAgent: { [agentId]: 2 } },
    ...{ totalSessions: 2, embeddedEntries: 2, dbSizeBytes: expect.any(Number), oldestCreatedAt: expect.any(Number) },
  });
  const word = String(at(entries, 0, "content")).split(" ")[1];
  expect(at(await client.result("memory.search", { query: word, limit: 1 }), "results", 0, "id")).toBe(id);
  expect(await client.result("memory.export", { memory_type: "user" })).toMatchObject({ entries: [], total: 0 });
  expect(await client.result("memory.delete", { ids: [id, randomUUID()] })).toEqual({ deleted: 1, failed: 1, total: 2 });
  expect(await client.result("memory.flush", { agent_id: agentId })).toMatchObject({
    flushed: true,
    entriesRemoved: 1,
    scope: { agentId },
  });
  expect(await client.result("memory.stats")).toMatchObject({ totalEntries: 0, oldestCreatedAt: null });
});

test("approvals are listed wherever they wait, bound to their arguments, and decided once", async () => {
  const { conversationId } = await execute("pay");
  const { requests, total } = await client.result("admin.approval.pending");
  expect(total).toBe(1);
  const [request] = requests as Params[];
  expect(request).toMatchObject({ toolName: "pay", params: { amount: 3 }, agentId, sessionKey: conversationId, timeoutMs: null });
  const requestId = request?.requestId;
  const mismatched = await refused("admin.approval.resolve", { requestId, approved: true, argumentsHash: "0".repeat(64) });
  expect(mismatched).toMatchObject({ code: -32602, data: { code: "approval_mismatch", httpStatus: 409 } });
  const approver = await openRpc(system.apis[0]?.url ?? "", await system.ours.newKey({ scopes: ["approvals"] }));
  const done = await approver.result("admin.approval.resolve", {
    requestId,
    approved: false,
    reason: "too much",
    argumentsHash: request?.argumentsHash,
  });
  expect(done).toMatchObject({ requestId, approved: false, reason: "too much", sessionKey: conversationId, resumed: true });
  await approver.close();
  expect(await client.result("admin.approval.pending")).toMatchObject({ requests: [], total: 0 });
  expect(await refused("admin.approval.resolve", { requestId, approved: true })).toMatchObject({ data: { code: "card_closed" } });
});

test("usage is told as it was recorded: by agent, session, provider and hour, and in all", async () => {
  const fresh = await system.ours.newAgent();
  const ofFresh = () => client.result("obs.billing.byAgent", { agentId: fresh, sinceMs: 3_600_000 });
  expect(await ofFresh()).toMatchObject({ agentId: fresh, totalTokens: 0, callCount: 0 });
  const { conversationId, tokensUsed } = await client.result("agent.execute", { agentId: fresh, message: "Hi" });
  const [totalTokens, inputTokens, outputTokens] = ["total", "input", "output"].map((part) => at(tokensUsed, part));
  const used = { totalTokens, inputTokens, outputTokens, callCount: 1, estimated: false };
  expect(await ofFresh()).toMatchObject(used);
  expect(await client.result("obs.billing.bySession", { sessionKey: conversationId })).toMatchObject({
    sessionKey: conversationId,
    ...used,
  });
  const all = await client.result("obs.billing.total");
  expect(Number(all.totalTokens)).toBeGreaterThanOrEqual(Number(totalTokens));
  const { providers } = await client.result("obs.billing.byProvider");
  expect(providers).toContainEqual(expect.objectContaining({ provider: "custom" }));
  const [hour] = (await client.result("obs.billing.usage24h")) as unknown as Params[];
  expect(hour).toEqual({ hour: expect.stringMatching(/:00:00.000Z$/), tokens: expect.any(Number), callCount: expect.any(Number) });
  expect(Number(hour?.tokens)).toBeGreaterThanOrEqual(Number(totalTokens));
});

test("usage of direct calls counts in all, and for no agent", async () => {
  const theirs = await system.newTenant("direct");
  const other = await openRpc(system.apis[0]?.url ?? "", theirs.apiKey);
  const body = { model: "custom/scripted", messages: [{ role: "user", content: "Hi" }] };
  expect((await system.rest(0, theirs.apiKey).call("/v1/chat/completions", { body })).status).toBe(200);
  await expect.poll(async () => (await other.result("obs.billing.total")).callCount).toBe(1);
  expect(await other.result("obs.billing.byProvider")).toMatchObject({ providers: [{ provider: "custom", callCount: 1 }] });
  expect(await other.result("obs.billing.byAgent", { agentId: await theirs.newAgent() })).toMatchObject({ callCount: 0 });
  await other.close();
});

test("models are listed by their providers", async () => {
  const { providers, count } = await client.result("models.list_providers");
  expect(providers).toContain("local");
  expect(count).toBe((providers as string[]).length);
  expect(await client.result("models.list", { provider: "local" })).toMatchObject({
    models: expect.arrayContaining([{ provider: "local", modelId: "chat", name: "local/chat" }]),
  });
  expect(await client.result("models.list", { provider: "nobody" })).toEqual({ models: [], total: 0 });
  const all = await client.result("models.list");
  expect(all.providers).toContainEqual(expect.objectContaining({ name: "local", models: expect.arrayContaining(["chat"]) }));
  expect(Number(all.totalModels)).toBeGreaterThan(1);
});

test("agents are made, changed at once or as a draft, and deployed", async () => {
  const { agentId: id } = await client.result("agents.create", { name: "New", config: { instructions: "one", model: "custom/scripted" } });
  expect(await client.result("agents.list", { perPage: 40 })).toMatchObject({ agents: expect.arrayContaining([id]) });
  const config = { instructions: "two", model: "custom/scripted" };
  expect(await client.result("agents.update", { agentId: id, config })).toMatchObject({
    version: 2,
    updated: true,
    config: { instructions: "two" },
  });
  expect(await client.result("agents.update", { agentId: id, config: { ...config, instructions: "three" }, deploy: false })).toMatchObject({
    updated: true,
  });
  expect(await client.result("agents.get", { agentId: id })).toMatchObject({ version: 2, config: { instructions: "two" } });
  expect(await client.result("agents.get", { agentId: id, version: "draft" })).toMatchObject({ config: { instructions: "three" } });
  expect(await client.result("agents.deploy", { agentId: id })).toMatchObject({ version: 3, deployed: true });
});

test("a suspended agent takes nothing new until it is resumed, and a deleted one is not there", async () => {
  const { agentId: id } = await client.result("agents.create", { name: "Idle", config: { model: "custom/scripted" } });
  const { conversationId } = await client.result("agent.execute", { agentId: id, message: "Hi" });
  expect(await client.result("agents.suspend", { agentId: id })).toEqual({ agentId: id, suspended: true });
  expect(await client.result("agents.get", { agentId: id })).toMatchObject({ suspended: true });
  for (const params of [{ agentId: id }, { conversationId }]) {
    expect(await refused("agent.execute", { ...params, message: "Hi" })).toMatchObject({ code: -32602, data: { code: "agent_suspended" } });
  }
  expect(await client.result("agents.resume", { agentId: id })).toEqual({ agentId: id, resumed: true });
  expect(await client.result("agent.execute", { agentId: id, message: "Hi" })).toMatchObject({ status: "completed" });
  expect(await client.result("agents.delete", { agentId: id })).toEqual({ agentId: id, deleted: true });
  expect(await refused("agents.get", { agentId: id })).toMatchObject({ data: { code: "not_found" } });
  expect(await refused("agent.execute", { agentId: id, message: "Hi" })).toMatchObject({ data: { code: "not_found" } });
  expect((await client.result("agents.list", { perPage: 40 })).agents).not.toContain(id);
  expect(await client.result("session.history", { session_key: conversationId })).toMatchObject({ total: 2 });
});

test("a session that is reset begins anew and keeps what was said as a branch", async () => {
  const { conversationId } = await execute("Hi");
  const key = { session_key: conversationId };
  expect(await client.result("session.reset", key)).toEqual({
    ...{ sessionKey: conversationId, reset: true, previousMessageCount: 2, branch: 1 },
  });
  expect(await client.result("session.history", key)).toMatchObject({ messages: [], total: 0 });
  await client.result("agent.execute", { conversationId, message: "Again" });
  expect(await client.result("session.history", key)).toMatchObject({ messages: [{ content: "Again" }, { role: "assistant" }], total: 2 });
  const { conversationId: paused } = await execute("ask");
  expect(await refused("session.reset", { session_key: paused })).toMatchObject({ data: { code: "turn_in_progress" } });
});

test("what an administrator stores is remembered as what an agent learns, once, and marked where it is not trusted", async () => {
  const text = `said ${randomUUID()}`;
  const params = { content: text, agent_id: agentId, trustLevel: "external" };
  const { id } = await client.result("memory.store", params);
  expect(await client.result("memory.store", params)).toMatchObject({ stored: true, id });
  expect(await client.result("memory.inspect", { id })).toMatchObject({
    entry: { id, content: text, memoryType: "agent", trustLevel: "external", agentId },
  });
  expect(at(await client.result("memory.search", { query: text }), "results", 0, "id")).toBe(id);
  expect(await refused("memory.store", { ...params, content: "x".repeat(100_000) })).toMatchObject({ data: { code: "invalid_input" } });
});

test("a provider is tested by a short call that is metered", async () => {
  const theirs = await system.newTenant("testing");
  const other = await openRpc(system.apis[0]?.url ?? "", theirs.apiKey);
  expect(await other.result("models.test", { provider: "custom", model: "scripted" })).toMatchObject({
    ...{ provider: "custom", status: "available", model: "custom/scripted", latencyMs: expect.any(Number) },
  });
  await expect.poll(async () => (await other.result("obs.billing.total")).callCount).toBe(1);
  await other.close();
  system.model.when(({ body }) => body.model === "ill", { status: 400, error: { error: { message: "no such model", type: "x" } } });
  expect(await client.result("models.test", { provider: "custom", model: "ill" })).toMatchObject({
    ...{ status: "unavailable", code: "model_refused", message: expect.any(String) },
  });
  expect(await client.result("models.test", { provider: "local" })).toMatchObject({ status: "available", model: "local/chat" });
  expect(await client.result("models.test", { provider: "nobody" })).toEqual({
    ...{ provider: "nobody", modelsAvailable: 0, status: "not_configured" },
  });
});

test("tokens are made, shown once, and never wider than their maker", async () => {
  const made = await client.result("tokens.create", { scopes: ["rpc"], name: "mine" });
  expect(made.secret).toMatch(/^agw_/);
  const { tokens } = await client.result("tokens.list", { perPage: 40 });
  expect(tokens).toContainEqual(expect.objectContaining({ id: made.id, name: "mine", scopes: ["rpc"], createdAt: expect.any(Number) }));
  expect(JSON.stringify(tokens)).not.toContain(String(made.secret));
  expect(await refused("tokens.create", { scopes: [] })).toMatchObject({ code: -32602 });
  expect(await refused("tokens.create", { scopes: ["*"] })).toMatchObject({ code: -32603, data: { code: "missing_scope" } });
  const rotated = await client.result("tokens.rotate", { id: made.id, overlapSeconds: 600 });
  expect(rotated).toMatchObject({ id: made.id, oldId: made.id, newId: made.id, scopes: ["rpc"], previousUntil: expect.any(String) });
  for (const secret of [made.secret, rotated.newSecret]) {
    const holder = await openRpc(system.apis[0]?.url ?? "", String(secret));
    expect(await holder.result("system.whoami")).toMatchObject({ clientId: made.id });
    await holder.close();
  }
  expect(await client.result("tokens.revoke", { id: made.id })).toMatchObject({ id: made.id, revoked: true });
});

test("system.methods lists exactly what is served", async () => {
  expect((await client.result("system.methods")).methods).toEqual(SERVED);
  expect(await client.result("system.health")).toMatchObject({ status: "ok", parts: { postgres: true, redis: true } });
});
