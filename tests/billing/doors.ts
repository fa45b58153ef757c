import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@parley/client";
import { at, type RestAnswer, type RestClient, type System, type Tenant } from "@parley/testkit";
import { WebSocket } from "ws";
import { askPlan } from "../plan/support/ask-plan.ts";
import { openRpc, type RpcClient } from "../rpc/support/rpc-client.ts";
import { gatewayOf } from "../system/support/gateway-paths.ts";
import { postSigned } from "../webhooks/signed.ts";

const MODEL = "custom/scripted";
const LOOK_MS = 20;

/** Somebody who comes by a door: an organization of its own, with one agent that may ask and has a tool that needs an approval. */
export interface Visitor {
  system: System;
  tenant: Tenant;
  rest: RestClient;
  agentId: string;
  /** Resolves when none of its turns is under way. */
  rested(): Promise<void>;
  openCard(conversationId: string): Promise<string>;
}

/** A way in, by the name of its row in the registry, and what is done there. */
export type Door = (visitor: Visitor) => Promise<unknown>;

const fine = async (answer: RestAnswer | Promise<RestAnswer>): Promise<RestAnswer> => {
  const told = await answer;
  if (told.status >= 300) throw new Error(`${told.status}: ${told.text}`);
  return told;
};

const drained = async (events: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of events);
};

const trpc = async ({ rest }: Visitor, path: string, input: object): Promise<unknown> =>
  at((await fine(rest.call(`/trpc/${path}`, { body: input }))).body, "result", "data");
async function submitted(visitor: Visitor, text: string, more: object = {}): Promise<{ conversationId: string; messageId: string }> {
  const answer = await trpc(visitor, "turn.submit", { agentId: visitor.agentId, text, ...more });
  return { conversationId: String(at(answer, "conversationId")), messageId: String(at(answer, "messageId")) };
}

async function ended(visitor: Visitor, text = "Hi") {
  const made = await submitted(visitor, text);
  await visitor.rested();
  return made;
}

async function carded(visitor: Visitor, text: "ask" | "pay") {
  const { conversationId } = await ended(visitor, text);
  return { conversationId, cardId: await visitor.openCard(conversationId) };
}

/** A message that waits behind nothing. */
async function queued(visitor: Visitor): Promise<string> {
  const { conversationId } = await ended(visitor);
  await submitted(visitor, "more", { conversationId, mode: "queue" });
  return conversationId;
}

/** What is only ordered begins its turn later. */
async function untilAsked({ system }: Visitor, act: () => Promise<unknown>): Promise<void> {
  const before = system.model.journal.length;
  await act();
  while (system.model.journal.length === before) await sleep(LOOK_MS);
}

const ANSWERS = [{ questionId: "q", freeText: "this" }];
const gateway = ({ rest, agentId }: Visitor) => gatewayOf(rest, agentId);
const urlOf = ({ system }: Visitor): string => system.apis[0]?.url ?? "";
const post =
  (path: string, body: object): Door =>
  async ({ rest }) =>
    (await fine(rest.call(path, { body }))).text;

const messages = [{ role: "user", content: "Hi there" }];
const rpc =
  (act: (client: RpcClient, visitor: Visitor) => Promise<unknown>): Door =>
  async (visitor) => {
    const client = await openRpc(urlOf(visitor), visitor.tenant.apiKey);
    try {
      await act(client, visitor);
      await visitor.rested();
    } finally {
      await client.close();
    }
  };

function sound(): FormData {
  const form = new FormData();
  form.set("model", MODEL);
  form.set("file", new File([new Uint8Array(32_000)], "said.mp3", { type: "audio/mpeg" }));
  return form;
}

const a2aMessage = () => ({ message: { messageId: randomUUID(), role: "ROLE_USER", parts: [{ text: "Hi" }] } });
const a2a =
  (tail: string): Door =>
  async ({ rest, agentId }) =>
    fine(rest.call(`/a2a/agents/${agentId}/${tail}`, { body: a2aMessage(), headers: { "a2a-version": "1.0" } }));

async function untilMade(rest: RestClient, responseId: string): Promise<void> {
  while (at((await fine(rest.call(`/v1/responses/${responseId}`))).body, "status") !== "completed") await sleep(LOOK_MS);
}

/** Every row of the registry that is metered, each by at least one of its paths. */
export const DOORS: Record<string, Door> = {
  "turn.submit": (visitor) => submitted(visitor, "Hi"),
  "turn.submit, by path": async (visitor) => {
    const { conversationId } = await ended(visitor);
    await fine(gateway(visitor).message(conversationId, { text: "more", run: true }));
  },
  "turn.stream": async (visitor) => drained(gateway(visitor).stream("Hi")),
  // Its turn goes on without anybody, and is charged as any other.
  "turn.stream, whose client leaves": async (visitor) => {
    for await (const { type } of gateway(visitor).stream("slow")) if (type === "chunk") break;
  },
  "turn.stream, as a subscription": async (visitor) => {
    const client = createClient({ url: urlOf(visitor), apiKey: visitor.tenant.apiKey });
    await drained(client.turn.stream.subscribe({ agentId: visitor.agentId as never, text: "Hi" }));
    await client.close();
  },
  "turn.stream, second generation": ({ rest, agentId }) =>
    drained(rest.stream(`/v1/agents/${agentId}/conversations/invoke/stream`, { body: { input: { text: "Hi" } } })),
  "turn.invoke": async (visitor) => fine(gateway(visitor).invoke("Hi")),
  "turn.invoke, second generation": ({ rest, agentId }) =>
    fine(rest.call(`/v1/agents/${agentId}/conversations/invoke`, { body: { input: { text: "Hi" } } })),
  "turn.invokeAsync": ({ rest, agentId }) => fine(rest.call(`/v1/agents/${agentId}/invoke/async`, { body: { input: { text: "Hi" } } })),
  "turn.edit": async (visitor) => trpc(visitor, "turn.edit", { agentId: visitor.agentId, ...(await ended(visitor)), text: "otherwise" }),
  "turn.editStream": async (visitor) => {
    const { conversationId, messageId } = await ended(visitor);
    await drained(gateway(visitor).editStream(conversationId, messageId, { input: { text: "otherwise" } }));
  },
  "conversation.drain": async (visitor) => {
    const conversationId = await queued(visitor);
    await untilAsked(visitor, () => trpc(visitor, "conversation.drain", { conversationId }));
  },
  "conversation.drainStream": async (visitor) => drained(gateway(visitor).drain(await queued(visitor))),
  "card.answer": async (visitor) => trpc(visitor, "card.answer", { ...(await carded(visitor, "ask")), answers: ANSWERS }),
  "card.answerStream": async (visitor) => {
    const { conversationId, cardId } = await carded(visitor, "ask");
    await drained(gateway(visitor).answers(conversationId, { decision_id: cardId, answers: [{ question_id: "q", free_text: "this" }] }));
  },
  "card.decide": async (visitor) => trpc(visitor, "card.decide", { ...(await carded(visitor, "pay")), decision: "deny" }),
  "card.decideStream": async (visitor) => {
    const { conversationId, cardId } = await carded(visitor, "pay");
    await fine(gateway(visitor).decide(conversationId, cardId, { decision: "approve" }));
  },
  "dashboard.chat": ({ rest, agentId }) => fine(rest.call("/api/chat", { body: { message: "Hi", agentId } })),
  "dashboard.chatStream": ({ rest, agentId }) => fine(rest.call("/api/chat/stream", { body: { message: "Hi", agentId } })),
  "dashboard.chatStreamByQuery": ({ rest, agentId }) => fine(rest.call(`/api/chat/stream?message=Hi&agentId=${agentId}`)),
  "gatewayChat.send": ({ rest, agentId }) => fine(rest.call("/api/gateway/chat", { body: { message: "Hi", agentId } })),
  "gatewayChat.send, not waited for": (visitor) =>
    untilAsked(visitor, () =>
      fine(
        visitor.rest.call("/api/gateway/chat", { body: { message: "Hi", agentId: visitor.agentId }, headers: { prefer: "respond-async" } }),
      ),
    ),
  "hook.receive": async (visitor) => {
    const mappings = [{ id: "all", agentId: visitor.agentId }];
    const hook = (await trpc(visitor, "hook.create", { name: "made", mappings })) as { id: string; secret: string };
    await untilAsked(visitor, () => fine(postSigned(visitor.system, `/hooks/${hook.id}`, "{}", hook)));
  },
  "openai.chat": post("/v1/chat/completions", { model: MODEL, messages }),
  "openai.chat, streamed": post("/v1/chat/completions", { model: MODEL, messages, stream: true }),
  "openai.chat, of an agent": (visitor) => post("/v1/chat/completions", { model: `agent/${visitor.agentId}`, messages })(visitor),
  "openai.embeddings": post("/v1/embeddings", { model: MODEL, input: "Hi there, you" }),
  "openai.speech": post("/v1/audio/speech", { model: MODEL, input: "Hi there", voice: "any" }),
  "openai.transcriptions": async ({ rest }) => fine(rest.call("/v1/audio/transcriptions", { body: sound() })),
  "responses.create": post("/v1/responses", { model: MODEL, input: "Hi" }),
  "responses.create, streamed": post("/v1/responses", { model: MODEL, input: "Hi", stream: true }),
  "responses.create, of an agent": (visitor) => post("/v1/responses", { model: `agent/${visitor.agentId}`, input: "Hi" })(visitor),
  "responses.create, in the background": async ({ rest }) => {
    const { id } = (await fine(rest.call("/v1/responses", { body: { model: MODEL, input: "Hi", background: true } }))).body as {
      id: string;
    };
    await untilMade(rest, id);
  },
  "responses.create, in the background, whose client leaves": async (visitor) => {
    const response = await fetch(`${urlOf(visitor)}/v1/responses`, {
      method: "POST",
      headers: { authorization: `Bearer ${visitor.tenant.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, input: "slow", background: true, stream: true }),
    });
    let heard = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      heard += piece;
      if (heard.includes("response.output_text.delta")) break;
    }
    await untilMade(visitor.rest, /resp_\w+/.exec(heard)?.[0] ?? "");
  },
  "responses.create, over a socket": async (visitor) => {
    const headers = { authorization: `Bearer ${visitor.tenant.apiKey}` };
    const socket = new WebSocket(`${urlOf(visitor).replace("http", "ws")}/v1/responses`, { headers });
    socket.on("open", () => socket.send(JSON.stringify({ type: "response.create", model: MODEL, input: "Hi", store: false })));
    await new Promise<void>((resolve, reject) => {
      socket.on("message", (data) => String(data).includes('"response.completed"') && resolve());
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("The socket was closed.")));
    });
    socket.close();
  },
  "responses.compact": post("/v1/responses/compact", { model: MODEL, input: [{ role: "user", content: "Hi" }] }),
  "payment.gateway": (visitor) => post("/api/v1/gateway", { plugin: "agent", message: "Hi", agentId: visitor.agentId })(visitor),
  "payment.gateway, of a model": post("/api/v1/gateway", { plugin: "generate-text", prompt: "Hi", model: MODEL }),
  "payment.gateway, speech": post("/api/v1/gateway", { plugin: "tts", text: "Hi there", model: MODEL }),
  "plan.run": async (visitor) => askPlan({ url: urlOf(visitor), apiKey: visitor.tenant.apiKey, body: { question: "Hi" } }),
  "a2a.send": a2a("message:send"),
  "a2a.stream": a2a("message:stream"),
  "rpc agent.execute": rpc((client, { agentId }) => client.result("agent.execute", { agentId, message: "Hi" })),
  "rpc agent.stream": rpc((client, { agentId }) => client.result("agent.stream", { agentId, message: "Hi" })),
  "rpc conversation.answer": rpc(async (client, visitor) =>
    client.result("conversation.answer", { ...(await carded(visitor, "ask")), answers: ANSWERS }),
  ),
  "rpc session.send": rpc(async (client, visitor) =>
    client.result("session.send", { session_key: (await ended(visitor)).conversationId, text: "more" }),
  ),
  "rpc session.spawn": rpc((client, { agentId }) => client.result("session.spawn", { agent: agentId, task: "do it" })),
  "rpc admin.approval.resolve": rpc(async (client, visitor) => {
    const { cardId } = await carded(visitor, "pay");
    return client.result("admin.approval.resolve", { requestId: cardId, approved: false });
  }),
  "rpc subagent.steer": rpc(async (client, visitor) => {
    const { runId } = await client.result("session.spawn", { agent: visitor.agentId, task: "slow", async: true });
    const isRunning = async () => (await client.result("conversation.state", { conversationId: runId })).state === "running";
    while (!(await isRunning()));
    return client.result("subagent.steer", { target: runId, message: "faster" });
  }),
  "rpc models.test": rpc((client) => client.result("models.test", { provider: "custom", model: "scripted" })),
  "mcp agent_ask": async ({ system, tenant, agentId }) => {
    const headers = { "x-admin-secret": system.adminSecret };
    const key = { organization_id: tenant.organizationId, name: "mcp", scopes: ["mcp-client"], mcp: { tools: ["agent_ask"] } };
    const made = await fine(system.rest(0, null).call("/admin/api-keys", { body: key, headers }));
    const params = { name: "agent_ask", arguments: { message: "Hi", agent_id: agentId } };
    return fine(
      system.rest(0, String(at(made.body, "api_key"))).call("/mcp/v1", {
        body: { jsonrpc: "2.0", id: 1, method: "tools/call", params },
        headers: { accept: "application/json, text/event-stream" },
      }),
    );
  },
};
