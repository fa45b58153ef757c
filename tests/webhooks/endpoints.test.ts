import { randomUUID } from "node:crypto";
import type { WebhookDelivery, WebhookEndpoint } from "@parley/contracts";
import { at, type System, startSystem, type ToolServerCall } from "@parley/testkit";
import postgres from "postgres";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";

interface Made extends WebhookEndpoint {
  secret: string;
}

let system: System;
let sql: postgres.Sql;
let agentId: string;
beforeAll(async () => {
  system = await startSystem({ env: { LIMIT_WEBHOOK_ENDPOINTS_MAX: "100", LIMIT_WEBHOOK_ATTEMPTS_MAX: "3" } });
  sql = postgres(system.ownerUrl, { max: 1 });
  agentId = await system.ours.newAgent({ mayAsk: true });
  system.model.otherwise({ text: ["the answer"] });
});
afterAll(async () => {
  await sql.end();
  await system.close();
});

async function trpc(kind: "query" | "mutation", path: string, input: unknown, key?: string): Promise<unknown> {
  const outcome = await callTrpc(key === undefined ? system.rest() : system.rest(0, key), kind, path, input);
  if (!outcome.ok) throw new Error(outcome.code);
  return outcome.data;
}

/** An endpoint at a place of its own; the others are told nothing while a test runs. */
async function make(facts: object = {}, key?: string): Promise<Made> {
  await sql`update webhook_endpoints set disabled_at = now(), disabled_reason = 'by_hand'`;
  return (await trpc(
    "mutation",
    "webhook.create",
    { url: `${system.tools.url}/${randomUUID()}`, events: ["turn.completed"], ...facts },
    key,
  )) as Made;
}
const change = (endpointId: string, facts: object) => trpc("mutation", "webhook.change", { endpointId, ...facts }) as Promise<Made>;
const callsOf = ({ url }: { url: string }): ToolServerCall[] => system.tools.journal.filter(({ path }) => url.endsWith(path));
const idOf = (call: ToolServerCall | undefined): string => String(call?.headers["webhook-id"]);
const run = (text = "Hello", agent = agentId) => system.rest().call(`/v1/agents/${agent}/gateway/invoke`, { body: { input: { text } } });
const deliveries = async ({ id }: { id: string }): Promise<WebhookDelivery[]> =>
  (at(await trpc("query", "webhook.deliveries", { endpointId: id }), "items") as WebhookDelivery[]) ?? [];
const makeDue = ({ id }: { id: string }) =>
  sql`update webhook_deliveries set due_at = now() where endpoint_id = ${id} and state = 'pending'`;
const sent = (endpoint: { url: string }, count: number) =>
  expect.poll(() => callsOf(endpoint).length, { timeout: 15_000, interval: 50 }).toBe(count);
const settled = (endpoint: { id: string }, state: string) =>
  expect.poll(async () => (await deliveries(endpoint)).map((one) => one.state), { timeout: 15_000, interval: 50 }).toEqual([state]);

const verified = (call: ToolServerCall | undefined, secret: string): unknown =>
  new Webhook(secret).verify(JSON.stringify(call?.arguments), call?.headers as Record<string, string>);

test("the end of a turn is told under Standard Webhooks' signature, without content, and the log says that it was", async () => {
  const endpoint = await make();
  const answer = await run();
  await sent(endpoint, 1);
  const [call] = callsOf(endpoint);
  const payload = verified(call, endpoint.secret);
  expect(payload).toMatchObject({
    type: "turn.completed",
    timestamp: expect.stringMatching(/^\d{4}-/),
    data: {
      conversationId: at(answer.body, "id"),
      agentId,
      turnNumber: 1,
      organizationId: system.ours.organizationId,
      usage: { modelCalls: 1 },
    },
  });
  expect(JSON.stringify(payload)).not.toContain("the answer");
  await settled(endpoint, "delivered");
  const [delivery] = await deliveries(endpoint);
  expect(delivery).toMatchObject({ id: idOf(call), attempts: 1, log: [{ status: 200, error: null }] });
});

test("content goes where it was asked for, and only those who may read it may ask", async () => {
  const endpoint = await make({ includeContent: true });
  await run();
  await sent(endpoint, 1);
  expect(at(callsOf(endpoint)[0]?.arguments, "data", "result")).toBe("the answer");
  const blind = await system.ours.newKey({ scopes: ["admin"] });
  await expect(make({ includeContent: true }, blind)).rejects.toThrow("missing_scope");
  const own = await make({}, blind);
  const asked = trpc("mutation", "webhook.change", { endpointId: own.id, includeContent: true }, blind);
  await expect(asked).rejects.toThrow("missing_scope");
  const move = (endpointId: string) =>
    trpc("mutation", "webhook.change", { endpointId, url: `${system.tools.url}/${randomUUID()}` }, blind);
  await expect(move(endpoint.id)).rejects.toThrow("missing_scope");
  const seen = async (key?: string) =>
    at(await trpc("query", "webhook.deliveries", { endpointId: endpoint.id }, key), "items", 0, "payload", "data", "result");
  expect([await seen(), await seen(blind)]).toEqual(["the answer", undefined]);
  await move(own.id);
});

test("only the events and agents that an endpoint is for are sent to it", async () => {
  const other = await system.ours.newAgent();
  const limited = await system.ours.newKey({ scopes: ["admin"], agentIds: [other] });
  const ofOther = await make({}, limited);
  const ofCards = (await trpc("mutation", "webhook.create", {
    url: `${system.tools.url}/${randomUUID()}`,
    events: ["card.opened", "turn.paused"],
  })) as Made;
  system.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Secret?" }] } }] });
  await run("ask");
  await run("other", other);
  await sent(ofOther, 1);
  await sent(ofCards, 2);
  expect(
    callsOf(ofCards)
      .map((call) => at(call.arguments, "type"))
      .sort(),
  ).toEqual(["card.opened", "turn.paused"]);
  expect(JSON.stringify(callsOf(ofCards))).not.toContain("Secret?");
  expect(at(callsOf(ofOther)[0]?.arguments, "data", "agentId")).toBe(other);
  expect(at(await trpc("query", "webhook.list", {}, limited), "items")).toEqual([expect.objectContaining({ id: ofOther.id })]);
  await expect(trpc("mutation", "webhook.delete", { endpointId: ofCards.id }, limited)).rejects.toThrow("not_found");
});

test("what fails is tried again under the same id, later and later, until it has failed too often", async () => {
  const endpoint = await make();
  system.tools.when(({ path }) => endpoint.url.endsWith(path), { status: 500 });
  await run();
  for (const [index, attempts] of [1, 2, 3].entries()) {
    await sent(endpoint, attempts);
    await expect.poll(async () => (await deliveries(endpoint))[0]?.log.length).toBe(attempts);
    const [delivery] = await deliveries(endpoint);
    expect(delivery?.state).toBe(attempts === 3 ? "failed" : "pending");
    if (index === 0) expect(Date.parse(delivery?.dueAt ?? "") - Date.parse(delivery?.createdAt ?? "")).toBeGreaterThan(4_000);
    await makeDue(endpoint);
  }
  expect(new Set(callsOf(endpoint).map(idOf)).size).toBe(1);
  expect(at(await trpc("query", "webhook.list", { perPage: 50 }), "items")).toContainEqual(
    expect.objectContaining({ id: endpoint.id, failures: 3 }),
  );
});

test("a replay sends it again under the same id, and its key makes one replay of many", async () => {
  const endpoint = await make();
  await run();
  await settled(endpoint, "delivered");
  const [delivery] = await deliveries(endpoint);
  const call = { body: { deliveryId: delivery?.id }, headers: { "idempotency-key": randomUUID() } };
  const answers = await Promise.all(Array.from({ length: 20 }, () => system.rest().call("/trpc/webhook.replay", call)));
  for (const { body } of answers) expect(at(body, "result", "data")).toMatchObject({ id: delivery?.id, state: "pending" });
  await sent(endpoint, 2);
  await settled(endpoint, "delivered");
  expect(new Set(callsOf(endpoint).map(idOf)).size).toBe(1);
  const theirs = await system.newTenant("theirs");
  await expect(trpc("mutation", "webhook.replay", { deliveryId: delivery?.id }, theirs.apiKey)).rejects.toThrow("not_found");
  await expect(trpc("query", "webhook.deliveries", { endpointId: endpoint.id }, theirs.apiKey)).rejects.toThrow("not_found");
  await change(endpoint.id, { enabled: false });
  await expect(trpc("mutation", "webhook.replay", { deliveryId: delivery?.id })).rejects.toThrow("webhook_disabled");
});

test("a worker that dies between the answer and its record leaves the delivery to the next one, under the same id", async () => {
  const endpoint = await make();
  system.tools.script({ answerDelayMs: 60_000 });
  await run();
  await expect.poll(() => callsOf(endpoint)[0]?.actedAtMs ?? null, { timeout: 15_000 }).not.toBeNull();
  await system.workers[0]?.kill();
  expect((await deliveries(endpoint))[0]).toMatchObject({ state: "pending", attempts: 1, log: [] });
  // What was its alone for a while is due again.
  await makeDue(endpoint);
  await system.workers[0]?.restart();
  await sent(endpoint, 2);
  await settled(endpoint, "delivered");
  expect(new Set(callsOf(endpoint).map(idOf)).size).toBe(1);
});

test("an endpoint that has failed for days is switched off, another one is told, and what it is owed is sent once it is on again", async () => {
  const endpoint = await make();
  const watcher = (await trpc("mutation", "webhook.create", {
    url: `${system.tools.url}/${randomUUID()}`,
    events: ["webhook.disabled"],
  })) as Made;
  await sql`update webhook_endpoints set failures = 9, failing_since = now() - interval '6 days' where id = ${endpoint.id}`;
  system.tools.script({ status: 503 });
  await run();
  await sent(watcher, 1);
  expect(at(callsOf(watcher)[0]?.arguments, "data")).toMatchObject({ endpointId: endpoint.id, reason: "failing" });
  await makeDue(endpoint);
  await run("while it is off");
  expect((await deliveries(endpoint)).length).toBe(1);
  expect(callsOf(endpoint).length).toBe(1);
  expect(await change(endpoint.id, { enabled: true })).toMatchObject({ disabledAt: null, failures: 0, failingSince: null });
  await sent(endpoint, 2);
  await settled(endpoint, "delivered");
});

test("410 switches an endpoint off at once; a redirect is a failure and is not followed; a private address is not called", async () => {
  const gone = await make();
  system.tools.script({ status: 410 });
  await run();
  await settled(gone, "failed");
  expect(at(await trpc("query", "webhook.list", { perPage: 50 }), "items")).toContainEqual(
    expect.objectContaining({ id: gone.id, disabledReason: "gone" }),
  );
  const moved = await make();
  system.tools.script({ status: 307, headers: { location: `${system.tools.url}/elsewhere` } });
  await run();
  await expect.poll(async () => (await deliveries(moved))[0]?.log[0]?.status, { timeout: 15_000 }).toBe(307);
  expect(system.tools.journal.some(({ path }) => path === "/elsewhere")).toBe(false);
  const inside = await make({ url: "http://169.254.169.254/latest" });
  await run();
  await settled(inside, "failed");
  expect((await deliveries(inside))[0]?.log).toEqual([expect.objectContaining({ status: null, error: "egress_refused" })]);
});

test("a rotated secret signs beside the one before it for as long as they overlap", async () => {
  const endpoint = await make();
  const rotated = (await trpc("mutation", "webhook.rotate", { endpointId: endpoint.id, overlapSeconds: 600 })) as Made;
  expect(rotated.secret).not.toBe(endpoint.secret);
  await run();
  await sent(endpoint, 1);
  const [call] = callsOf(endpoint);
  for (const secret of [endpoint.secret, rotated.secret]) expect(() => verified(call, secret)).not.toThrow();
  const last = (await trpc("mutation", "webhook.rotate", { endpointId: endpoint.id, overlapSeconds: 0 })) as Made;
  await run();
  await sent(endpoint, 2);
  expect(() => verified(callsOf(endpoint)[1], rotated.secret)).toThrow();
  expect(() => verified(callsOf(endpoint)[1], last.secret)).not.toThrow();
});

test("a slow endpoint holds no other one up", async () => {
  const slow = await make();
  const quick = (await trpc("mutation", "webhook.create", {
    url: `${system.tools.url}/${randomUUID()}`,
    events: ["turn.completed"],
  })) as Made;
  system.tools.when(({ path }) => slow.url.endsWith(path), { answerDelayMs: 10_000 });
  await Promise.all(Array.from({ length: 12 }, () => run()));
  await expect.poll(() => callsOf(quick).length, { timeout: 8_000, interval: 50 }).toBe(12);
  expect(callsOf(slow).length).toBeLessThanOrEqual(4);
  await change(slow.id, { enabled: false });
});
