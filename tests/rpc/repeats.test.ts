import { randomUUID } from "node:crypto";
import { type RpcMethodName, rpcRow } from "@parley/router";
import { at, type System } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Clerk, startClerk } from "./support/clerk.ts";
import type { RpcClient } from "./support/rpc-client.ts";
import { SERVED } from "./support/served.ts";

type Params = Record<string, unknown>;

let clerk: Clerk;
let system: System;
let client: RpcClient;
let agentId: string;
beforeAll(async () => {
  clerk = await startClerk();
  ({ system, client, agentId } = clerk);
});
afterAll(() => clerk?.close());

const execute: Clerk["execute"] = (message, more) => clerk.execute(message, more);
const refused: Clerk["refused"] = (method, params) => clerk.refused(method, params);

describe("a call that changes something, made again under its key", () => {
  type Case = () => Promise<{ params: Params; other: Params }>;
  const differing = (params: Params, other: Params): Awaited<ReturnType<Case>> => ({ params, other: { ...params, ...other } });
  const idle = async () => String((await execute("Hi")).conversationId);
  const carded = async (text: string) => {
    const paused = await execute(text);
    return { conversationId: String(paused.conversationId), cardId: String(at(paused, "cards", 0, "id")) };
  };
  const running = async () => {
    const { runId } = await client.result("session.spawn", { agent: agentId, task: "long", async: true });
    await expect.poll(async () => (await client.result("conversation.state", { conversationId: runId })).state).toBe("running");
    return String(runId);
  };
  const remembered = async () => {
    await execute("remember");
    return String(at(await client.result("memory.browse", { limit: 1 }), "entries", 0, "id"));
  };
  const message: Case = async () => differing({ agentId, message: "Once" }, { message: "Another" });

  const CASES: Partial<Record<RpcMethodName, Case>> = {
    "agent.execute": message,
    "agent.stream": message,
    "conversation.stop": async () => differing({ conversationId: (await carded("ask")).conversationId }, { clearQueue: true }),
    "conversation.answer": async () =>
      differing({ ...(await carded("ask")), answers: [{ questionId: "q", freeText: "a" }] }, { answers: [] }),
    "agents.create": async () => differing({ name: "Made" }, { name: "Another" }),
    "agents.update": async () => differing({ agentId: await system.ours.newAgent(), name: "Made" }, { name: "Another" }),
    "agents.deploy": async () => differing({ agentId: await system.ours.newAgent() }, { agentId }),
    "agents.suspend": async () => differing({ agentId: await system.ours.newAgent() }, { agentId }),
    "agents.resume": async () => differing({ agentId: await system.ours.newAgent() }, { agentId }),
    "agents.delete": async () => differing({ agentId: await system.ours.newAgent() }, { agentId }),
    "session.send": async () => differing({ session_key: await idle(), text: "Once" }, { text: "Another" }),
    "session.spawn": async () => differing({ agent: agentId, task: "Once" }, { task: "Another" }),
    "session.delete": async () => differing({ session_key: await idle() }, { session_key: randomUUID() }),
    "session.reset": async () => differing({ session_key: await idle() }, { session_key: await idle() }),
    "session.compact": async () => differing({ session_key: await idle() }, { session_key: await idle() }),
    "memory.store": async () => differing({ agent_id: agentId, content: `one ${randomUUID()}` }, { content: "another" }),
    "memory.delete": async () => differing({ ids: [await remembered()] }, { ids: [randomUUID()] }),
    "memory.flush": async () => {
      await remembered();
      return differing({ agent_id: agentId }, { agent_id: undefined });
    },
    "admin.approval.resolve": async () => differing({ requestId: (await carded("pay")).cardId, approved: false }, { approved: true }),
    "models.test": async () => differing({ provider: "local" }, { provider: "custom" }),
    "tokens.create": async () => differing({ scopes: ["rpc"] }, { name: "another" }),
    "tokens.rotate": async () => differing({ id: (await client.result("tokens.create", { scopes: ["rpc"] })).id }, { overlapSeconds: 1 }),
    "tokens.revoke": async () => {
      const [one, other] = [
        await client.result("tokens.create", { scopes: ["rpc"] }),
        await client.result("tokens.create", { scopes: ["rpc"] }),
      ];
      return differing({ id: one.id }, { id: other.id });
    },
    "subagent.kill": async () => differing({ target: await running() }, { target: await idle() }),
    "subagent.steer": async () => differing({ target: await running(), message: "Once" }, { message: "Another" }),
  };
  const changing = SERVED.filter((name) => rpcRow(name).mutating);
  const MADE = ["agents", "agent_versions", "api_keys", "conversations", "idempotency_keys", "memories", "messages"];

  async function made(): Promise<Params> {
    const counts = await system.rowCounts();
    return Object.fromEntries(MADE.map((table) => [table, counts[table]]));
  }

  test("has a case here, whichever method it is", () => {
    expect(Object.keys(CASES).sort()).toEqual([...changing].sort());
  });

  test.each(changing)("%s gives its first answer and does nothing; other parameters are refused", async (name) => {
    const of = CASES[name];
    if (of === undefined) throw new Error("There is no case.");
    const { params, other } = await of();
    const idempotencyKey = randomUUID();
    const first = await client.result(name, { ...params, idempotencyKey });
    const before = await made();
    const again = await client.result(name, { ...params, idempotencyKey });
    const { replayed, secret, newSecret, ...rest } = first;
    expect(again).toMatchObject(rest);
    if (secret !== undefined) expect(again.secret).toBeNull();
    if (replayed !== undefined) expect([replayed, again.replayed]).toEqual([false, true]);
    expect(await refused(name, { ...other, idempotencyKey })).toMatchObject({
      code: -32602,
      data: { code: "idempotency_mismatch", httpStatus: 409 },
    });
    expect(await made()).toEqual(before);
  });
});
