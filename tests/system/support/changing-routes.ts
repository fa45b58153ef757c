import { randomBytes, randomUUID } from "node:crypto";
import { voucherTypedData } from "@parley/payments";
import { ROUTES, type RouteName, routeRow } from "@parley/router";
import { at, type ModelServerRequest, type System } from "@parley/testkit";
import postgres from "postgres";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { expect } from "vitest";
import { callTrpc } from "./call-trpc.ts";

/** The routes that change something. */
export type ChangingName = { [Name in RouteName]: (typeof ROUTES)[Name]["idempotency"] extends "key" ? Name : never }[RouteName];

export const CHANGING = (Object.keys(ROUTES) as RouteName[]).filter((name): name is ChangingName => routeRow(name).idempotency === "key");

/** One call as procedures take it, and one to the same route that says something else. */
export interface Case {
  input: Record<string, unknown>;
  other: Record<string, unknown>;
}

/** Makes what each route needs to act once, and only once: whatever acted a second time would answer something else. */
export type Cases = Record<ChangingName, () => Promise<Case>>;

const isTold =
  (text: string) =>
  ({ body }: ModelServerRequest): boolean => {
    const last = body.messages?.at(-1);
    return last?.role === "user" && last.content === text;
  };

/** The standard one. */
const VOUCHER_CHAIN_ID = 4_217;
const ITEM = { id: "msg_kept", type: "message", role: "user", content: "kept" };

/** A payment that is owed its work. */
async function paidOnChain({ ownerUrl, ours }: System): Promise<string> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  const id = randomUUID();
  await sql`insert into payment_challenges (id, organization_id, plugin, amount_micros, body_digest, challenge, expires_at, state, reference)
    values (${id}, ${ours.organizationId}, 'agent', 50000, '', '{}', now(), 'paid', ${id})`;
  await sql.end();
  return id;
}

/** The cases on one system. No queue of it may move by itself. */
export async function changingRoutes(system: System): Promise<Cases> {
  const agentId = await system.ours.newAgent({
    mayAsk: true,
    tools: [{ name: "pay", url: `${system.tools.url}/pay`, needsApproval: true }],
    memory: { remember: true, scopes: ["organization"] },
  });
  const questions = { questions: [{ id: "q", text: "Which one?" }] };
  system.model.when(isTold("ask"), { toolCalls: [{ name: "ask_user_questions", arguments: questions }] });
  system.model.when(isTold("pay"), { toolCalls: [{ name: "pay", arguments: {} }] });
  system.model.when(isTold("remember"), () => ({ toolCalls: [{ name: "remember", arguments: { text: `fact ${randomUUID()}` } }] }));
  system.model.when(isTold("hang"), { hang: true });
  system.model.otherwise({ text: ["done"] });

  const trpc = async (kind: "query" | "mutation", path: string, input: unknown): Promise<unknown> => {
    const outcome = await callTrpc(system.rest(), kind, path, input);
    if (!outcome.ok) throw new Error(`${path} was refused: ${outcome.code}`);
    return outcome.data;
  };
  const state = (conversationId: string) => trpc("query", "conversation.runState", { conversationId });

  /** A conversation whose first turn is over, or waits for a person. */
  async function conversation(text = "Hello") {
    const submitted = await trpc("mutation", "turn.submit", { agentId, text });
    const conversationId = String(at(submitted, "conversationId"));
    const wanted = text === "ask" || text === "pay" ? "paused" : "idle";
    await expect.poll(async () => at(await state(conversationId), "state"), { timeout: 20_000, interval: 50 }).toBe(wanted);
    return { agentId, conversationId, messageId: String(at(submitted, "messageId")) };
  }
  async function queued() {
    const { conversationId } = await conversation();
    const waiting = await trpc("mutation", "turn.submit", { agentId, conversationId, text: "waits", mode: "queue" });
    return { agentId, conversationId, messageId: String(at(waiting, "messageId")) };
  }
  async function carded(text: "ask" | "pay") {
    const { conversationId } = await conversation(text);
    return { agentId, conversationId, cardId: String(at(await state(conversationId), "cards", 0, "id")) };
  }
  const message = async (): Promise<Case> => ({ input: { agentId, text: "Once" }, other: { agentId, text: "Another" } });
  const said = (content: string) => ({ model: "custom/scripted", messages: [{ role: "user", content }] });
  const speech = (input: string) => ({ model: "local/tts", input, voice: "any", response_format: "wav" });
  const answer = async (): Promise<Case> => {
    const card = await carded("ask");
    const saying = (words: string) => ({ ...card, answers: [{ questionId: "q", freeText: words }] });
    return { input: saying("this"), other: saying("that") };
  };
  const decision = async (): Promise<Case> => {
    const card = await carded("pay");
    return { input: { ...card, decision: "approve" }, other: { ...card, decision: "deny" } };
  };
  const edit = async (): Promise<Case> => {
    const edited = await conversation();
    return { input: { ...edited, text: "Once more" }, other: { ...edited, text: "Something else" } };
  };
  const drain = async (): Promise<Case> => {
    const [input, other] = await Promise.all([queued(), conversation()]);
    return { input, other };
  };
  const executions = async (text: string): Promise<Case> => {
    const [{ conversationId }, other] = await Promise.all([conversation(text), conversation()]);
    return { input: { executionId: conversationId }, other: { executionId: other.conversationId } };
  };
  const agent = async () => String(at(await trpc("mutation", "agent.create", { name: "Made" }), "id"));
  /** One for each call, in turn: all are remembered for one organization. */
  const memory = async (): Promise<string> => {
    await conversation("remember");
    const page = await trpc("query", "memory.list", { perPage: 50 });
    const ids = (at(page, "items") as { id: string }[]).map(({ id }) => id);
    const fresh = ids.find((id) => !given.has(id));
    if (fresh === undefined) throw new Error("Nothing was remembered.");
    given.add(fresh);
    return fresh;
  };
  const given = new Set<string>();
  const file = async () => String(at((await system.rest().call("/media", { body: "bytes" })).body, "id"));
  const hook = async () => String(at(await trpc("mutation", "hook.create", { name: "made" }), "id"));
  const endpointAt = (place: string) => ({ url: `${system.tools.url}/${place}`, events: ["turn.completed"] });
  const peerAt = (place: string) => ({ name: place, endpoint: `${system.tools.url}/${place}` });
  const peer = async () => String(at(await trpc("mutation", "peer.create", peerAt("made")), "id"));
  const endpoint = async () => String(at(await trpc("mutation", "webhook.create", endpointAt("made")), "id"));
  /** One that was sent. */
  const delivery = async (): Promise<string> => {
    const endpointId = await endpoint();
    const deliveries = () => trpc("query", "webhook.deliveries", { endpointId, state: "delivered" });
    await conversation();
    await expect.poll(async () => at(await deliveries(), "total"), { timeout: 20_000 }).toBeGreaterThan(0);
    const id = String(at(await deliveries(), "items", 0, "id"));
    await trpc("mutation", "webhook.change", { endpointId, enabled: true, events: ["webhook.disabled"] });
    return id;
  };
  const key = async () => String(at(await trpc("mutation", "key.create", { name: "made", scopes: [] }), "id"));
  const revocation = async (): Promise<Case> => {
    const { organizationId } = system.ours;
    return { input: { organizationId, keyId: await key() }, other: { organizationId, keyId: await key() } };
  };
  const session = async () => String(at((await system.rest().call("/api/session", { method: "POST" })).body, "id"));
  const budget = async (period: string) =>
    String(
      at(await trpc("mutation", "billing.setBudget", { scope: "user", subject: randomUUID(), period, limitMicros: 1, hard: false }), "id"),
    );
  const rotation = async (): Promise<Case> => {
    const wanted = { organizationId: system.ours.organizationId, keyId: await key(), overlapSeconds: 60 };
    return { input: wanted, other: { ...wanted, overlapSeconds: 0 } };
  };
  const creation = async (): Promise<Case> => {
    const wanted = { organizationId: system.ours.organizationId, scopes: ["agents:read"], name: `one ${randomUUID()}` };
    return { input: wanted, other: { ...wanted, name: "another" } };
  };

  const respond = (input: string) => ({ model: "local/chat", input });
  const idOf = async (path: string, body: object): Promise<string> => String(at((await system.rest().call(path, { body })).body, "id"));
  /** One that is made in the background, and never ends where it hangs. */
  const response = (input: string) => idOf("/v1/responses", { model: "custom/scripted", input, background: input === "hang" });
  const newWallet = () => `0x${randomBytes(20).toString("hex")}`;
  const wallet = async () =>
    String(
      at((await system.rest().call("/api/wallet/sessions", { body: { address: newWallet(), deposit: "1.00" } })).body, "session", "id"),
    );
  /** Totals of one session, each for more than one call: paid a second time, it would say so. */
  async function vouchers(): Promise<Case> {
    const account = privateKeyToAccount(generatePrivateKey());
    const opened = await system.rest().call("/api/wallet/sessions", { body: { address: account.address, deposit: "1.00" } });
    const sessionId = String(at(opened.body, "session", "id"));
    const expires = Math.floor(Date.now() / 1_000) + 3_600;
    const signed = async (cents: number) => {
      const typed = voucherTypedData({ kind: "total", sessionId, cumulativeMicros: cents * 10_000, expires }, VOUCHER_CHAIN_ID);
      if (typed.primaryType !== "CumulativeVoucher") throw new Error("Not a total.");
      const signature = await account.signTypedData(typed);
      return { sessionId, userAddress: account.address, plugin: "agent", signature, cumulative: `0.${cents}`, expires };
    };
    return { input: await signed(50), other: await signed(90) };
  }
  const items = () => idOf("/v1/conversations", { items: [ITEM] });

  return {
    async "turn.submit"() {
      const there = { agentId, conversationId: (await conversation()).conversationId };
      return { input: { ...there, text: "Once" }, other: { ...there, text: "Another" } };
    },
    "turn.stream": message,
    "turn.invoke": message,
    "turn.invokeAsync": message,
    "turn.edit": edit,
    "turn.editStream": edit,
    async "conversation.stop"() {
      const paused = await carded("ask");
      return { input: paused, other: { ...paused, clearQueue: true } };
    },
    async "conversation.cancelMessage"() {
      const waiting = await queued();
      return { input: waiting, other: { ...waiting, messageId: randomUUID() } };
    },
    async "conversation.changeMessage"() {
      const waiting = await queued();
      return { input: { ...waiting, text: "changed" }, other: { ...waiting, text: "changed again" } };
    },
    async "conversation.clearQueue"() {
      const [input, other] = await Promise.all([queued(), queued()]);
      return { input, other };
    },
    "conversation.drain": drain,
    "conversation.drainStream": drain,
    "card.answer": answer,
    "card.answerStream": answer,
    "card.decide": decision,
    "card.decideStream": decision,
    "execution.stop": () => executions("ask"),
    "execution.delete": () => executions("Hello"),
    "agent.create": creation,
    async "agent.update"() {
      const mine = await agent();
      return { input: { agentId: mine, name: "Renamed" }, other: { agentId: mine, name: "Renamed again" } };
    },
    async "agent.deploy"() {
      return { input: { agentId: await agent() }, other: { agentId: await agent() } };
    },
    async "agent.suspend"() {
      return { input: { agentId: await agent() }, other: { agentId: await agent() } };
    },
    async "agent.resume"() {
      return { input: { agentId: await agent() }, other: { agentId: await agent() } };
    },
    async "agent.delete"() {
      return { input: { agentId: await agent() }, other: { agentId: await agent() } };
    },
    async "conversation.reset"() {
      const [input, other] = await Promise.all([conversation(), conversation()]);
      return { input, other };
    },
    "memory.store": async () => ({ input: { agentId, text: `one ${randomUUID()}` }, other: { agentId, text: "another" } }),
    async "memory.delete"() {
      return { input: { memoryId: await memory() }, other: { memoryId: await memory() } };
    },
    "plan.run": message,
    "dashboard.chat": message,
    "dashboard.chatStream": message,
    "gatewayChat.send": message,
    "dashboard.chatStreamByQuery": message,
    "openai.chat": async () => ({ input: said("Once"), other: said("Another") }),
    "openai.embeddings": async () => ({
      input: { model: "local/embed", input: "Once" },
      other: { model: "local/embed", input: "Another" },
    }),
    "openai.speech": async () => ({ input: speech("Once"), other: speech("Another") }),
    "openai.transcriptions": async () => ({
      input: { model: "local/stt", input: "Once" },
      other: { model: "local/stt", input: "Another" },
    }),
    "media.upload": async () => ({ input: { text: "a file" }, other: { text: "another file" } }),
    async "media.delete"() {
      return { input: { mediaId: await file() }, other: { mediaId: await file() } };
    },
    "login.create": creation,
    async "login.revoke"() {
      return { input: { sessionId: await session() }, other: { sessionId: await session() } };
    },
    "hook.create": async () => ({ input: { name: "one" }, other: { name: "another" } }),
    async "hook.change"() {
      return { input: { hookId: await hook(), name: "renamed" }, other: { hookId: await hook(), name: "renamed" } };
    },
    async "hook.rotate"() {
      return { input: { hookId: await hook() }, other: { hookId: await hook() } };
    },
    async "hook.delete"() {
      return { input: { hookId: await hook() }, other: { hookId: await hook() } };
    },
    "peer.create": async () => ({ input: peerAt("one"), other: peerAt("another") }),
    async "peer.update"() {
      const [peerId, otherId] = [await peer(), await peer()];
      return { input: { peerId, name: "one" }, other: { peerId: otherId, name: "another" } };
    },
    async "peer.delete"() {
      const [peerId, otherId] = [await peer(), await peer()];
      return { input: { peerId }, other: { peerId: otherId } };
    },
    "webhook.create": async () => ({ input: endpointAt("one"), other: endpointAt("another") }),
    async "webhook.change"() {
      return { input: { endpointId: await endpoint(), enabled: false }, other: { endpointId: await endpoint(), enabled: false } };
    },
    async "webhook.rotate"() {
      return { input: { endpointId: await endpoint() }, other: { endpointId: await endpoint() } };
    },
    async "webhook.delete"() {
      return { input: { endpointId: await endpoint() }, other: { endpointId: await endpoint() } };
    },
    async "webhook.replay"() {
      return { input: { deliveryId: await delivery() }, other: { deliveryId: await delivery() } };
    },
    "responses.create": async () => ({ input: respond("Once"), other: respond("Another") }),
    "responses.compact": async () => ({ input: respond("Once"), other: respond("Another") }),
    async "responses.cancel"() {
      return { input: { responseId: await response("hang") }, other: { responseId: await response("hang") } };
    },
    async "responses.delete"() {
      return { input: { responseId: await response("Hello") }, other: { responseId: await response("Hello") } };
    },
    "responses.makeConversation": async () => ({ input: { items: [said("Once").messages[0]] }, other: { items: [] } }),
    async "responses.updateConversation"() {
      const itemsId = await items();
      return { input: { itemsId, metadata: { about: "one" } }, other: { itemsId, metadata: { about: "another" } } };
    },
    async "responses.deleteConversation"() {
      return { input: { itemsId: await items() }, other: { itemsId: await items() } };
    },
    async "responses.addItems"() {
      const itemsId = await items();
      return { input: { itemsId, items: [ITEM] }, other: { itemsId, items: [] } };
    },
    async "responses.deleteItem"() {
      const itemsId = await items();
      return { input: { itemsId, itemId: ITEM.id }, other: { itemsId, itemId: "msg_other" } };
    },
    "billing.setBudget": async () => {
      // Large enough to stop nothing of what the others do.
      const wanted = { scope: "organization", period: "day", limitMicros: 1_000_000_000 };
      return { input: wanted, other: { ...wanted, limitMicros: 2_000_000_000 } };
    },
    async "billing.deleteBudget"() {
      return { input: { budgetId: await budget("day") }, other: { budgetId: await budget("month") } };
    },
    "admin.grantCredits": async () => {
      const wanted = { organizationId: system.ours.organizationId, amountMicros: 5, reference: randomUUID() };
      return { input: wanted, other: { ...wanted, amountMicros: 6 } };
    },
    async "admin.payBack"() {
      const wanted = { organizationId: system.ours.organizationId, payment: await paidOnChain(system), reference: "0xone" };
      return { input: wanted, other: { ...wanted, reference: "0xother" } };
    },
    "admin.correctCredits": async () => {
      const wanted = { organizationId: system.ours.organizationId, amountMicros: -5, reference: randomUUID() };
      return { input: wanted, other: { ...wanted, amountMicros: 6 } };
    },
    "admin.setBillingMode": async () => {
      const wanted = { organizationId: system.ours.organizationId, mode: "postpaid" };
      return { input: wanted, other: { ...wanted, mode: "prepaid" } };
    },
    "admin.setPrice": async () => {
      const wanted = { organizationId: system.ours.organizationId, kind: "model", name: `one/${randomUUID()}`, inputPico: 1 };
      return { input: wanted, other: { ...wanted, name: "another/one" } };
    },
    "billing.subscribe": async () => ({ input: { plan: "solo" }, other: { plan: "label" } }),
    "payment.checkout": async () => ({ input: { pack: "500" }, other: { pack: "1000" } }),
    "payment.gateway": async () => ({ input: { agentId, text: "Once" }, other: { agentId, text: "Another" } }),
    "wallet.open": async () => ({ input: { address: newWallet(), deposit: "1.00" }, other: { address: newWallet(), deposit: "1.00" } }),
    async "wallet.topUp"() {
      return { input: { sessionId: await wallet(), deposit: "1.00" }, other: { sessionId: await wallet(), deposit: "1.00" } };
    },
    "wallet.voucher": vouchers,
    async "wallet.close"() {
      return { input: { sessionId: await wallet() }, other: { sessionId: await wallet() } };
    },
    "key.create": creation,
    "key.rotate": rotation,
    "key.revoke": revocation,
    "admin.createOrganization": creation,
    "admin.createKey": creation,
    "admin.rotateKey": rotation,
    "admin.revokeKey": revocation,
  };
}
