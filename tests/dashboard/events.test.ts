import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACTIVITY_TYPES, type ActivityType, activityRow } from "@parley/contracts";
import { at, type ModelServerRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dataOf, type EventStream, openEvents } from "./support/open-events.ts";

let folder: string;
let system: System;
let streams: EventStream[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-events-"));
  const file = join(folder, "parley.config.yaml");
  await writeFile(file, "limits: { sessionSeconds: 7200 }\n");
  system = await startSystem({ apis: 2, env: { CONFIG_FILE: file } });
  streams = [];
});
afterAll(async () => {
  for (const stream of streams) stream.cut();
  await system.close();
  await rm(folder, { recursive: true });
});

const urlOf = (api: number): string => system.apis[api]?.url ?? "";

async function listen(apiKey: string | null = system.ours.apiKey, { api = 1, after }: { api?: number; after?: string } = {}) {
  const stream = await openEvents(urlOf(api), apiKey, after === undefined ? {} : { headers: { "last-event-id": after } });
  streams.push(stream);
  return stream;
}

const told = (words: string) => (request: ModelServerRequest) => request.lastUserText === words;

/** Says something to the agent through the first replica, and gives the answer's body. */
async function say(agentId: string, message: string, answered = 200) {
  const { status, body, text } = await system.rest(0).call("/api/chat", { body: { message, agentId, sessionKey: randomUUID() } });
  expect([status, text]).toEqual([answered, expect.anything()]);
  return body as { conversationId: string; turnId: string; messageId: string; response: string; finishReason: string };
}

const trpc = async (path: string, input: unknown): Promise<unknown> => {
  const { body, text, status } = await system.rest(0).call(`/trpc/${path}`, { body: input });
  expect([status, text]).toEqual([200, expect.anything()]);
  return at(body, "result", "data");
};

/** Does what each event tells of through a public route; gives what tells its event from others. */
const ACTS: Partial<Record<ActivityType, () => Promise<Record<string, unknown>>>> = {
  "message:received": async () => {
    const { messageId, conversationId } = await say(await system.ours.newAgent(), "Hello");
    return { messageId, channelId: conversationId, hasText: true, attachmentCount: 0, message: { text: "Hello" } };
  },
  "message:streaming": async () => {
    const words = `look ${randomUUID()}`;
    const agentId = await system.ours.newAgent({ tools: [{ name: "look", url: `${system.tools.url}/look` }] });
    system.model.when(told(words), ({ body }) =>
      body.messages?.at(-1)?.role === "tool" ? { text: ["seen"] } : { text: ["I ", "look."], toolCalls: [{ name: "look", arguments: {} }] },
    );
    const { turnId } = await say(agentId, words);
    return { messageId: turnId, deltaChars: 7, delta: "I look." };
  },
  "message:sent": async () => {
    system.model.when(told("send"), { text: ["sent"] });
    const { turnId } = await say(await system.ours.newAgent(), "send");
    return { messageId: turnId, content: "sent" };
  },
  "session:created": async () => ({ sessionKey: (await say(await system.ours.newAgent(), "Hello")).conversationId }),
  "session:expired": async () => {
    const { conversationId } = await say(await system.ours.newAgent(), "Hello");
    await trpc("execution.delete", { executionId: conversationId });
    return { sessionKey: conversationId };
  },
  "session:sub_agent_spawned": async () => ({ ...(await dispatch("sync")), task: "the task" }),
  "session:sub_agent_completed": async () => ({ ...(await dispatch("sync")), success: true }),
  "session:sub_agent_lifecycle_ended": async () => ({ ...(await dispatch("sync")), endReason: "completed" }),
  "session:sub_agent_spawn_started": async () => dispatch("async"),
  "session:sub_agent_archived": async () => {
    const { runId, parentSessionKey } = await dispatch("async");
    await heard.hear("session:sub_agent_completed", (data) => data["runId"] === runId);
    await heard.hear("message:sent", (data) => data["sessionKey"] === parentSessionKey);
    await trpc("execution.delete", { executionId: parentSessionKey });
    return { runId };
  },
  "audit:event": async () => {
    const id = at(await trpc("key.create", { name: "made", scopes: ["rpc"] }), "id");
    return { actionType: "key.create", metadata: { keyId: id } };
  },
  "security:memory_tainted": async () => {
    const words = `taint ${randomUUID()}`;
    const agentId = await system.ours.newAgent({
      tools: [{ name: "look", url: `${system.tools.url}/look` }],
      memory: { remember: true, scopes: ["organization"] },
    });
    let step = 0;
    system.model.when(told(words), () => {
      step += 1;
      if (step === 1) return { toolCalls: [{ name: "look", arguments: {} }] };
      return step === 2 ? { toolCalls: [{ name: "remember", arguments: { text: words } }] } : { text: ["done"] };
    });
    await say(agentId, words);
    return { agentId, adjustedTrustLevel: "external" };
  },
  "observability:token_usage": async () => {
    const { conversationId } = await say(await system.ours.newAgent(), "Hello");
    return { sessionKey: conversationId, provider: "custom", model: "custom/scripted" };
  },
  "observability:metrics": async () => ({}),
  "approval:requested": async () => {
    const { cardId } = await approval();
    return { requestId: cardId, toolName: "pay", params: { amount: 3 } };
  },
  "approval:resolved": async () => {
    const { cardId, conversationId } = await approval();
    await trpc("card.decide", { conversationId, cardId, decision: "deny", comment: "not today" });
    return { requestId: cardId, approved: false, outcome: "denied", reason: "not today" };
  },
  "model:fallback_attempt": async () => {
    system.model.when(({ body }) => body.model === "broken", { status: 400, error: { error: { message: "no", type: "x" } } });
    const agentId = await system.ours.newAgent({ model: "custom/broken", fallbackModels: ["custom/scripted"] });
    await say(agentId, "fall back");
    return { fromModel: "custom/broken", toModel: "custom/scripted" };
  },
  "model:fallback_exhausted": async () => {
    const agentId = await system.ours.newAgent({ model: "custom/away" });
    system.model.when(({ body }) => body.model === "away", { status: 503 });
    await say(agentId, "nobody", 503);
    return { provider: "custom", model: "custom/away", modelCount: 1 };
  },
  "system:error": async () => {
    system.model.when(({ body }) => body.model === "down", { status: 503 });
    const { conversationId } = await say(await system.ours.newAgent({ model: "custom/down" }), "anybody", 503);
    return { source: "turn", errorName: "model_unavailable", sessionKey: conversationId };
  },
  "agent:hot_removed": async () => {
    const agentId = await system.ours.newAgent();
    expect((await system.rest(0).call(`/v1/agents/${agentId}`, { method: "DELETE" })).status).toBe(200);
    return { agentId };
  },
  "config:patched": async () => {
    const patch = { jsonrpc: "2.0", id: 1, method: "config.patch", params: { path: "limits.sessionSeconds", value: 4_321 } };
    const { text } = await system.rest(0).call("/rpc", { body: patch, headers: { "x-admin-secret": system.adminSecret } });
    expect(text).toContain('"patched":true');
    return { section: "limits", key: "sessionSeconds", takesEffect: "now" };
  },
  "diagnostic:billing_snapshot": async () => {
    const agentId = await system.ours.newAgent();
    const budget = { scope: "agent", subject: agentId, period: "total", limitMicros: 1, hard: false };
    const budgetId = at(await trpc("billing.setBudget", budget), "id");
    await say(agentId, "Hello");
    return { budgetId, isReached: true };
  },
  "agent:hot_added": async () => ({ agentId: await system.ours.newAgent() }),
};

let heard: EventStream;

async function dispatch(mode: "sync" | "async") {
  const words = `dispatch ${randomUUID()}`;
  const leaf = await system.ours.newAgent({ name: "Leaf" });
  const router = await system.ours.newAgent({ subAgents: [{ agentId: leaf, mode }] });
  let asked = false;
  system.model.when(told(words), () => {
    if (asked) return { text: ["done"] };
    asked = true;
    return { toolCalls: [{ name: "leaf", arguments: { query: "the task" } }] };
  });
  const { conversationId } = await say(router, words);
  const spawned = await heard.hear("session:sub_agent_spawned", (data) => data["parentSessionKey"] === conversationId);
  return { runId: spawned["runId"], ...(mode === "async" && { parentSessionKey: conversationId }) } as Record<string, unknown>;
}

async function approval() {
  const words = `pay ${randomUUID()}`;
  const agentId = await system.ours.newAgent({ tools: [{ name: "pay", url: `${system.tools.url}/pay`, needsApproval: true }] });
  system.model.when(told(words), { toolCalls: [{ name: "pay", arguments: { amount: 3 } }] });
  const { conversationId } = await say(agentId, words);
  const state = (await system.rest(0).call(`/trpc/conversation.runState?input=${encodeURIComponent(JSON.stringify({ conversationId }))}`))
    .body;
  return { conversationId, cardId: String(at(state, "result", "data", "cards", 0, "id")) };
}

describe("each event whose part is there", () => {
  beforeAll(async () => {
    heard = await listen();
  });

  test.each(ACTIVITY_TYPES.filter((type) => activityRow(type).emitted))("%s is seen on a stream of another replica", async (type) => {
    const act = ACTS[type];
    if (act === undefined) throw new Error("Nobody does what this event tells of.");
    const wanted = await act();
    const data = await heard.hear(type, (one) => {
      try {
        expect(one).toMatchObject(wanted);
        return true;
      } catch {
        return false;
      }
    });
    expect(Number(data["timestamp"])).toBeGreaterThan(0);
  });

  test("has a number of its own, without a gap and in order", () => {
    const ids = heard.ids();
    expect(ids.length).toBeGreaterThan(20);
    expect(ids).toEqual(ids.map((_, index) => Number(ids[0]) + index));
    expect(dataOf(heard.frames[0] ?? { id: null, event: null, data: "" })).toEqual({});
  });
});
