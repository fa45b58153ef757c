import { randomUUID } from "node:crypto";
import { SCOPES } from "@parley/contracts";
import { ROUTES, type RouteName, type RouteRow, routeRow } from "@parley/router";
import { at, type RestAnswer, type System, startSystem, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTrpc, type Outcome, outcomeOf } from "./support/call-trpc.ts";
import { gatewayOf } from "./support/gateway-paths.ts";
import { openTrpcSocket, type TrpcSocket } from "./support/trpc-socket.ts";

/** Everything that a route may name, so that one input fits them all. */
interface Ids {
  agentId: string;
  conversationId: string;
  executionId: string;
  messageId: string;
  turnId: string;
  cardId: string;
  memoryId: string;
  keyId: string;
  hookId: string;
  endpointId: string;
  deliveryId: string;
  peerId: string;
  budgetId: string;
  sessionId: string;
}

const names = Object.keys(ROUTES) as RouteName[];
const rests = names.flatMap((name) => (routeRow(name).rest ?? []).map((route) => ({ name, row: routeRow(name) as RouteRow, ...route })));
/** The OpenAI door answers in an envelope of its own, and has tests of its own. */
const doors = rests.filter(({ name, path }) => path.startsWith("/v1/") && !/^(openai|responses)\./.test(name));
const procedures = names.flatMap((name) => {
  const row: RouteRow = routeRow(name);
  return row.kind === null ? [] : [{ name, row, kind: row.kind }];
});
/** They name nothing that could be another's: what they make or list is the caller's own. */
const OWN_ONLY: ReadonlySet<RouteName> = new Set<RouteName>([
  "activity.follow",
  "agent.create",
  "key.create",
  "agent.list",
  "key.list",
  "hook.create",
  "hook.list",
  "webhook.create",
  "webhook.list",
  "peer.create",
  "peer.list",
  "execution.list",
  "billing.account",
  "billing.prices",
  "billing.statement",
  "billing.entries",
  "billing.charges",
  "billing.payments",
  "billing.budgets",
  "billing.plans",
  "billing.subscribe",
  "billing.portal",
  "billing.setBudget",
  "memory.list",
  "wallet.list",
  "wallet.open",
  "payment.checkout",
  // A checkout is Stripe's, and there is none here: `tests/payments/cards` asks for another's.
  "payment.verify",
]);
const naming = procedures.filter(({ name, row }) => row.tenant !== "none" && !OWN_ONLY.has(name));

const WAITING = { turn_number: 1, queue_depth: 1, cards_open: 1, state: "paused", is_running: false };

let system: System;
let theirs: Tenant;
let ours: Ids;
let sockets: Record<"foreign" | "bare", TrpcSocket>;
let bareKey: string;
beforeAll(async () => {
  system = await startSystem();
  theirs = await system.newTenant("theirs");
  const agentId = await system.ours.newAgent({ mayAsk: true, memory: { remember: true, scopes: ["organization"] } });
  const gateway = gatewayOf(system.rest(), agentId);
  // A message waits behind a card: nothing moves while others try.
  const hook = await callTrpc(system.rest(), "mutation", "hook.create", { name: "ours", mappings: [{ agentId }] });
  const endpoint = await callTrpc(system.rest(), "mutation", "webhook.create", { url: system.tools.url, events: ["turn.paused"] });
  const peer = await callTrpc(system.rest(), "mutation", "peer.create", { name: "ours", endpoint: system.tools.url });
  const budget = await callTrpc(system.rest(), "mutation", "billing.setBudget", {
    scope: "organization",
    period: "day",
    limitMicros: 1,
    hard: false,
  });
  await system.rest(0, null).call("/admin/billing/credits", {
    body: { organization_id: system.ours.organizationId, amount_micros: 1_000_000, reference: "wallet" },
    headers: { "x-admin-secret": system.adminSecret },
  });
  const wallet = await callTrpc(system.rest(), "mutation", "wallet.open", { address: `0x${"a".repeat(40)}`, deposit: "1.00" });
  const idOf = (made: unknown): string => String(at(made, "data", "id"));
  const questions = { questions: [{ id: "q", text: "Which one?" }] };
  system.model.script(
    { toolCalls: [{ name: "remember", arguments: { text: "ours" } }] },
    { toolCalls: [{ name: "ask_user_questions", arguments: questions }] },
  );
  const asked = await gateway.invoke("ours");
  const conversationId = String(at(asked.body, "id"));
  const queued = await gateway.message(conversationId, { text: "waits" });
  const state = await gateway.state(conversationId);
  const keys = await callTrpc(system.rest(), "query", "key.list", undefined);
  const deliveries = await callTrpc(system.rest(), "query", "webhook.deliveries", { endpointId: idOf(endpoint) });
  const memories = await system.rest().call("/v1/memories");
  ours = {
    agentId,
    conversationId,
    executionId: conversationId,
    messageId: String(at(queued.body, "message_id")),
    turnId: String(at(state.body, "turn_id")),
    cardId: String(at(state.body, "cards", 0, "id")),
    memoryId: String(at(memories.body, "items", 0, "id")),
    keyId: String(at(keys, "data", "items", 0, "id")),
    hookId: idOf(hook),
    endpointId: idOf(endpoint),
    deliveryId: String(at(deliveries, "data", "items", 0, "id")),
    peerId: idOf(peer),
    budgetId: idOf(budget),
    sessionId: String(at(wallet, "data", "session", "id")),
  };
  expect(Object.values(ours)).not.toContain("undefined");
  bareKey = await system.ours.newKey({ scopes: [] });
  const url = system.apis[0]?.url ?? "";
  const [foreign, bare] = await Promise.all([openTrpcSocket(url, theirs.apiKey), openTrpcSocket(url, bareKey)]);
  sockets = { foreign, bare };
});
afterAll(async () => {
  await Promise.all(Object.values(sockets ?? {}).map((socket) => socket.close()));
  await system.close();
});

const missing = (): Ids => ({
  agentId: randomUUID(),
  conversationId: randomUUID(),
  executionId: randomUUID(),
  messageId: randomUUID(),
  turnId: randomUUID(),
  cardId: randomUUID(),
  memoryId: randomUUID(),
  keyId: "key_000000000000000000000000",
  hookId: `hook_${"0".repeat(24)}`,
  endpointId: `whe_${"0".repeat(24)}`,
  deliveryId: randomUUID(),
  peerId: `peer_${"0".repeat(24)}`,
  budgetId: randomUUID(),
  sessionId: `ses_${"0".repeat(24)}`,
});
const inputOf = (ids: Ids) => ({
  ...{ ...ids, text: "mine now", name: "mine", idempotencyKey: "one", scopes: [], waitMs: 0 },
  ...{ answers: [{ questionId: "q", answer: "mine" }], decision: "approve", deposit: "1.00" },
});
/** All that any route asks for; each takes its own and leaves the rest. */
const bodyOf = (ids: Ids) => ({
  ...{ input: { text: "mine now" }, text: "mine now", decision: "approve" },
  ...{ decision_id: ids.cardId, answers: [{ question_id: "q", answer: "mine" }] },
});

function callDoor(apiKey: string | null, { method, path }: { method: string; path: string }, ids: Ids): Promise<RestAnswer> {
  const concrete = path.replace(/:(\w+)/g, (_, name: string) => (name === "taskId" ? ids.executionId : ids[name as keyof Ids]));
  return system.rest(0, apiKey).call(concrete, { method, ...((method === "POST" || method === "PATCH") && { body: bodyOf(ids) }) });
}

type Kind = "query" | "mutation" | "subscription";

const overSocket = async (socket: TrpcSocket, kind: Kind, name: string, input: unknown): Promise<Outcome> => {
  const { error, result } = await socket.call(kind, name, input);
  return error ? outcomeOf(error) : { ok: true, data: result?.data };
};

/** One for each call: a socket that names no credential is closed after a while. */
async function overNamelessSocket(kind: Kind, name: string, input: unknown): Promise<Outcome> {
  const socket = await openTrpcSocket(system.apis[0]?.url ?? "", null);
  try {
    return await overSocket(socket, kind, name, input);
  } finally {
    await socket.close();
  }
}

/** Runs what must leave no trace. */
async function writesNothing(act: () => Promise<void>): Promise<void> {
  await expect.poll(async () => (await gatewayOf(system.rest(), ours.agentId).state(ours.conversationId)).body).toMatchObject(WAITING);
  const before = await system.rowCounts();
  await act();
  expect(await system.rowCounts()).toEqual(before);
  expect((await gatewayOf(system.rest(), ours.agentId).state(ours.conversationId)).body).toMatchObject(WAITING);
}

describe("another organization's key finds nothing of ours: the answer is the one for what does not exist", () => {
  test("over every REST route", () =>
    writesNothing(async () => {
      expect(doors.length).toBeGreaterThan(25);
      for (const route of doors) {
        const [foreign, none] = [await callDoor(theirs.apiKey, route, ours), await callDoor(theirs.apiKey, route, missing())];
        const where = `${route.method} ${route.path}`;
        expect([where, foreign.status, foreign.body]).toEqual([where, none.status, none.body]);
        // What makes something names nobody else's: this body is none that it takes.
        if (OWN_ONLY.has(route.name) && route.method === "POST") {
          expect([where, foreign.status]).toEqual([where, 422]);
          continue;
        }
        const listsOwn = OWN_ONLY.has(route.name) && !route.path.includes(":agentId");
        if (listsOwn) expect(foreign).toMatchObject({ status: 200, body: { items: [], total: 0 } });
        else expect([where, foreign.status, foreign.body]).toEqual([where, 404, { detail: "Not found." }]);
      }
    }));

  test("nor by its conversation in the body of an invoke on an agent of theirs", async () => {
    const agent = await theirs.newAgent();
    await writesNothing(async () => {
      const gateway = gatewayOf(system.rest(0, theirs.apiKey), agent);
      const body = { id: ours.conversationId };
      expect(await gateway.invoke("mine now", body)).toMatchObject({ status: 404, body: { detail: "Not found." } });
      const events = [];
      for await (const event of gateway.stream("mine now", body)) events.push(event);
      expect(events).toMatchObject([{ type: "connected" }, { type: "error", data: { code: "not_found", status: 404, retry: false } }]);
    });
  });

  test.each(["HTTP", "WebSocket"])("over every procedure of tRPC that names something, over %s", (transport) =>
    writesNothing(async () => {
      expect(naming.length).toBeGreaterThan(15);
      const call = (name: string, kind: Kind, ids: Ids) =>
        transport === "HTTP"
          ? callTrpc(system.rest(0, theirs.apiKey), kind, name, inputOf(ids))
          : overSocket(sockets.foreign, kind, name, inputOf(ids));
      for (const { name, kind } of naming) {
        const [foreign, none] = [await call(name, kind, ours), await call(name, kind, missing())];
        const message = name.startsWith("wallet.") ? "Session not found" : "Not found.";
        expect([name, foreign]).toEqual([name, { ok: false, code: "not_found", status: 404, message }]);
        expect([name, none]).toEqual([name, foreign]);
      }
      for (const name of ["agent.list", "key.list", "execution.list", "memory.list", "peer.list"]) {
        const listed = JSON.stringify(await call(name, "query", ours));
        for (const id of Object.values(ours)) expect([name, listed.includes(id)]).toEqual([name, false]);
      }
    }),
  );
});

describe("without the scope that a route asks for, or without a credential, nothing is done", () => {
  test("over every REST route", () =>
    writesNothing(async () => {
      for (const route of doors) {
        const where = `${route.method} ${route.path}`;
        const lacking = await callDoor(bareKey, route, ours);
        expect([where, lacking.status, lacking.body]).toEqual([where, 403, { detail: "The credential lacks the scope for this." }]);
        for (const apiKey of [null, "agw_nobody", `${system.ours.apiKey}x`]) {
          const unknown = await callDoor(apiKey, route, ours);
          expect([where, unknown.status, unknown.body]).toEqual([where, 401, { detail: "A valid credential is required." }]);
        }
      }
    }));

  test("over every procedure of tRPC", () =>
    writesNothing(async () => {
      const scoped = procedures.filter(({ row }) => [row.scope].flat().some((scope) => (SCOPES as readonly string[]).includes(scope)));
      for (const { name, kind } of scoped) {
        const lacking = [
          await callTrpc(system.rest(0, bareKey), kind, name, inputOf(ours)),
          await overSocket(sockets.bare, kind, name, inputOf(ours)),
        ];
        for (const outcome of lacking) expect([name, outcome]).toMatchObject([name, { ok: false, code: "missing_scope", status: 403 }]);
        const unknown = [
          await callTrpc(system.rest(0, null), kind, name, inputOf(ours)),
          await overNamelessSocket(kind, name, inputOf(ours)),
        ];
        for (const outcome of unknown) expect([name, outcome]).toMatchObject([name, { ok: false, code: "unauthenticated", status: 401 }]);
      }
    }));

  test("over the operator's routes, which no key opens", () =>
    writesNothing(async () => {
      for (const { method, path } of rests.filter(({ row }) => row.scope === "admin_secret")) {
        const body = { name: "mine", organization_id: system.ours.organizationId };
        const concrete = `${path.replace(":id", ours.keyId)}?organization_id=${system.ours.organizationId}`;
        for (const headers of [{}, { "x-admin-secret": "wrong" }, { authorization: `Bearer ${system.ours.apiKey}` }]) {
          const answer = await system.rest(0).call(concrete, { method, headers, ...(method === "POST" && { body }) });
          expect([path, answer.status, at(answer.body, "error", "code")]).toEqual([path, 401, "unauthenticated"]);
        }
      }
    }));
});
