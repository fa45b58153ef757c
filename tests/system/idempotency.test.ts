import { randomUUID } from "node:crypto";
import { at, type StripeServer, type System, startStripeServer, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cases, CHANGING, type ChangingName, changingRoutes } from "./support/changing-routes.ts";
import { type Answer, type Way, waysTo } from "./support/repeat-call.ts";
import { openTrpcSocket, type TrpcSocket } from "./support/trpc-socket.ts";

/** What only callers make. */
const MADE = [
  "agents",
  "api_keys",
  "branches",
  "conversations",
  "hooks",
  "idempotency_keys",
  "media",
  "memories",
  "memory_sources",
  "messages",
  "organizations",
  "peers",
  "purchases",
  "sessions",
  "wallet_sessions",
  "webhook_endpoints",
];

let stripe: StripeServer;
let system: System;
let socket: TrpcSocket;
let cases: Cases;
beforeAll(async () => {
  stripe = await startStripeServer();
  system = await startSystem({
    allow: [stripe.host],
    env: {
      STRIPE_SECRET_KEY: stripe.key,
      STRIPE_API_URL: stripe.url,
      STRIPE_PLANS: JSON.stringify({ solo: { cents: 2900, credits: "30.00" }, label: { cents: 14_900, credits: "100.00" } }),
      PUBLIC_URL: "http://gateway.test",
      BILLING_DEV_FUNDING: "true",
      LIMIT_IDLE_QUEUE_GRACE_MS: "600000",
      LIMIT_HOOKS_MAX: "1000",
      LIMIT_WEBHOOK_ENDPOINTS_MAX: "1000",
    },
  });
  socket = await openTrpcSocket(system.apis[0]?.url ?? "", system.ours.apiKey);
  cases = await changingRoutes(system);
});
afterAll(async () => {
  await socket?.close();
  await system.close();
  await stripe?.close();
});

async function made(): Promise<Record<string, number | undefined>> {
  const counts = await system.rowCounts();
  return Object.fromEntries(MADE.map((table) => [table, counts[table]]));
}

/** The first answer as it is given again: without the secret, which is shown once. */
const repeated = (answer: Answer): Answer => {
  const value = at(answer, "ok");
  if (typeof value !== "object" || value === null || Array.isArray(value)) return answer;
  return {
    ok: Object.fromEntries(Object.entries(value).map(([name, of]) => [name, /^(api_?key|csrf_token|secret)$/i.test(name) ? null : of])),
  };
};

test("every route that changes something is called here", () => {
  expect(Object.keys(cases).sort()).toEqual([...CHANGING].sort());
});

describe.each(CHANGING)("%s", (name) => {
  test("called again under its key, through whichever door, gives the first answer and does nothing; another body is refused", async () => {
    const ways = waysTo(system, socket, name);
    expect(ways.length).toBeGreaterThan(0);
    const calls = await Promise.all(ways.map(async (way) => ({ way, key: randomUUID(), ...(await cases[name]()) })));
    const where = calls.map(({ way }) => way.where);
    const first = await Promise.all(calls.map(({ way, input, key }) => way.call(input, key, "header")));
    expect(first.map((answer, index) => [where[index], "ok" in answer ? "ok" : answer.code])).toEqual(where.map((one) => [one, "ok"]));
    const before = await made();
    const again = await Promise.all(calls.map(({ way, input, key }) => way.call(input, key, "input")));
    expect(again).toEqual(first.map(repeated));
    const others = await Promise.all(calls.map(({ way, other, key }) => way.call(other, key, "input")));
    expect(others.map((answer, index) => [where[index], answer])).toEqual(where.map((one) => [one, { code: "idempotency_mismatch" }]));
    expect(await made()).toEqual(before);
  });
});

test.each([undefined, "queue"])("a message that is to run is another than one that is not (mode %s)", async (mode) => {
  const { input } = await cases["turn.submit"]();
  const path = `/v1/agents/${input.agentId}/gateway/conversations/${input.conversationId}/messages`;
  const send = (run: boolean | undefined) => system.rest().call(path, { body: { text: "Once", mode, run, idempotency_key: "one" } });
  const first = await send(true);
  expect(first.status).toBe(200);
  expect(await send(true)).toMatchObject({ status: 200, body: first.body });
  for (const run of [false, undefined]) expect(await send(run)).toMatchObject({ status: 409 });
});

const AT_ONCE = 50;
const SEVERAL: [name: ChangingName, pick: (way: Way) => boolean][] = [
  ["turn.submit", ({ where }) => where.includes("/gateway/")],
  ["turn.stream", ({ where }) => where.endsWith("/gateway/invoke/stream")],
  ["turn.stream", ({ where }) => where.endsWith("HTTP")],
  ["turn.editStream", ({ where }) => where.includes("/gateway/")],
  ["card.answerStream", ({ where }) => where.includes("/gateway/")],
  ["card.decideStream", ({ where }) => where.endsWith("HTTP")],
  ["conversation.stop", ({ where }) => where.endsWith("WebSocket")],
  ["agent.create", ({ where }) => where.endsWith("HTTP")],
];

test.each(SEVERAL)(`%s called ${AT_ONCE} times at once under one key is done once and gives one answer`, async (name, pick) => {
  const way = waysTo(system, socket, name).find(pick);
  if (way === undefined) throw new Error("There is no such way.");
  const { input } = await cases[name]();
  const before = await made();
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => way.call(input, key, "header")));
  expect(answers[0]).toHaveProperty("ok");
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  const after = await made();
  for (const table of MADE)
    expect([table, Number(after[table]) - Number(before[table])]).toEqual([table, expect.toSatisfy((more: number) => more <= 1)]);
  expect(after.idempotency_keys).toBe(Number(before.idempotency_keys) + 1);
});
