import { MCP_TOOL_ROWS, ROUTES, RPC_METHOD_NAMES, rpcRow } from "@parley/router";
import { at, type ModelCall, type ModelServerRequest, type System, startSystem } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DOORS, type Visitor } from "./doors.ts";

const IN_MICROS = 3;
const OUT_MICROS = 7;
const CACHED_MICROS = 1;

let system: System;
let owner: postgres.Sql;
beforeAll(async () => {
  system = await startSystem({ env: { PLANNER_MODEL: "custom/scripted" } });
  owner = postgres(system.ownerUrl, { max: 2, onnotice: () => undefined });
  const headers = { "x-admin-secret": system.adminSecret };
  const price = {
    kind: "model",
    name: "custom/*",
    input_pico: IN_MICROS * 1e6,
    output_pico: OUT_MICROS * 1e6,
    cached_pico: CACHED_MICROS * 1e6,
  };
  expect((await system.rest(0, null).call("/admin/billing/prices", { body: price, headers })).status).toBe(200);
  // No two answers count the same.
  let count = 0;
  const usage = () => {
    count += 1;
    return { prompt_tokens: 1_000 + count * 7, completion_tokens: 100 + count * 3, prompt_tokens_details: { cached_tokens: count } };
  };
  const isTold =
    (text: string) =>
    ({ body }: ModelServerRequest) =>
      body.messages?.at(-1)?.role === "user" && body.messages.at(-1)?.content === text;
  const questions = { questions: [{ id: "q", text: "Which one?" }] };
  system.model.when(isTold("ask"), () => ({ toolCalls: [{ name: "ask_user_questions", arguments: questions }], usage: usage() }));
  system.model.when(isTold("pay"), () => ({ toolCalls: [{ name: "pay", arguments: {} }], usage: usage() }));
  system.model.when(isTold("slow"), () => ({ tokens: 60, delayMs: 10, usage: usage() }));
  system.model.otherwise(() => ({ tokens: 3, usage: usage() }));
});
afterAll(async () => {
  await owner?.end();
  await system?.close();
});

async function visit(name: string): Promise<Visitor> {
  const tenant = await system.newTenant(name);
  const agentId = await tenant.newAgent({ mayAsk: true, tools: [{ name: "pay", url: `${system.tools.url}/pay`, needsApproval: true }] });
  const busy = async () =>
    (await owner`select from turns where organization_id = ${tenant.organizationId} and status in ('pending', 'running') limit 1`).length;
  return {
    ...{ system, tenant, agentId, rest: system.rest(0, tenant.apiKey) },
    rested: () => expect.poll(busy, { timeout: 20_000, interval: 10 }).toBe(0),
    async openCard(conversationId) {
      const [row] = await owner<{ id: string }[]>`select id from cards where conversation_id = ${conversationId} and status = 'open'`;
      return row?.id ?? "";
    },
  };
}

/** Input, output, cached: as it is priced. */
type Count = [number, number, number];
const told = ({ path, body, reply }: ModelCall): Count => {
  if (path.endsWith("/embeddings")) return [Math.ceil([body.input ?? []].flat().join("").length / 4), 0, 0];
  const usage = (reply.usage ?? {}) as {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details: { cached_tokens: number };
  };
  return [usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens];
};
const isSound = ({ path }: ModelCall): boolean => path.includes("/audio/");
const inOrder = (counts: Count[]): Count[] => counts.toSorted(([a], [b]) => a - b);

interface ChargeRow {
  input: number;
  output: number;
  cached: number;
  micros: number;
  estimated: boolean;
  payer: string;
  /** It is for the call that was sold, and not for what a model used in it. */
  isSale: boolean;
}

async function chargesOf(organizationId: string): Promise<ChargeRow[]> {
  const unposted = async () =>
    (
      await owner`select from usage_records where organization_id = ${organizationId} and unposted
      union all select from direct_calls where organization_id = ${organizationId} and unposted`
    ).length;
  await expect.poll(unposted, { timeout: 20_000, interval: 20 }).toBe(0);
  return owner<ChargeRow[]>`
    select input_tokens::int as input, output_tokens::int as output, cached_tokens::int as cached, amount_micros::int as micros, estimated, payer,
      source_type = 'plugin' as "isSale"
    from charges where organization_id = ${organizationId}`;
}

test("on every door: what is metered and charged is the upstream's own count, call by call, to the token", async () => {
  const metered = [
    ...Object.entries(ROUTES).flatMap(([name, row]) => (row.metering === "none" ? [] : [name])),
    ...RPC_METHOD_NAMES.flatMap((name) => (rpcRow(name).metering === "none" ? [] : [`rpc ${name}`])),
    ...Object.entries(MCP_TOOL_ROWS).flatMap(([name, row]) => (row.metering === "none" ? [] : [`mcp ${name}`])),
  ];
  expect(new Set(Object.keys(DOORS).map((name) => name.replace(/,.*/, "")))).toEqual(new Set(metered));

  const closed: string[] = [];
  const seen: { name: string; organizationId: string; calls: ModelCall[] }[] = [];
  for (const [name, door] of Object.entries(DOORS)) {
    const visitor = await visit(name);
    const before = system.model.journal.length;
    await door(visitor).catch((error: unknown) => closed.push(`${name}: ${String(error)}`));
    await visitor.rested();
    await expect.poll(() => system.model.journal.slice(before).every(({ outcome }) => outcome !== "open"), { interval: 10 }).toBe(true);
    seen.push({ name, organizationId: visitor.tenant.organizationId, calls: system.model.journal.slice(before) });
  }
  expect(closed).toEqual([]);

  for (const { name, organizationId, calls } of seen) {
    expect([name, calls.length > 0]).toEqual([name, true]);
    const all = await chargesOf(organizationId);
    expect([name, all.filter(({ isSale }) => isSale).length]).toEqual([name, name.startsWith("payment.gateway") ? 1 : 0]);
    const charges = all.filter(({ isSale }) => !isSale);
    expect([name, charges.length]).toEqual([name, calls.length]);
    // No provider counts sound: an estimate of ours, and no call of theirs costs nothing.
    if (calls.some(isSound)) {
      expect([name, charges.map(({ estimated }) => estimated), charges.every(({ micros }) => micros > 0)]).toEqual([name, [true], true]);
      continue;
    }
    expect([name, inOrder(charges.map(({ input, output, cached }) => [input, output, cached]))]).toEqual([name, inOrder(calls.map(told))]);
    for (const { input, output, cached, micros, estimated, payer } of charges) {
      const exact = (input - cached) * IN_MICROS + cached * CACHED_MICROS + output * OUT_MICROS;
      expect([name, micros, estimated, payer]).toEqual([name, exact, false, "customer"]);
    }
  }
}, 120_000);

const WORDS = "The budget of this agent for the day has no room for this call: an administrator may raise it.";
const WORD = "budget;scope=agent;period=day";
const BY = { kind: "budget", scope: "agent", period: "day", tooLarge: true };
const ROW = { kind: "budget", scope: "agent", period: "day", too_large: true };

test("a turn of an agent that has no money says on every door that waits for it which budget it was, and no figure of it", async () => {
  const visitor = await visit("refused");
  const { rest, agentId, tenant } = visitor;
  const budget = (caller: typeof rest, scope: string, subject: string) =>
    caller.call("/api/billing/budgets", { body: { scope, subject, period: "day", limit_micros: 3, hard: true } });
  expect((await budget(rest, "agent", agentId)).status).toBe(200);
  const hook = { url: "https://example.com/hook", description: "", events: ["turn.failed"], includeContent: false };
  expect((await rest.call("/trpc/webhook.create", { body: hook })).status).toBe(200);
  const before = system.model.journal.length;

  const messages = [{ role: "user", content: "Hi there" }];
  const model = `agent/${agentId}`;
  const message = { messageId: "one", role: "ROLE_USER", parts: [{ text: "Hi" }] };
  const told = { error: WORDS, refusedBy: BY };
  const failed = { code: "budget_exhausted", message: WORDS, refusedBy: BY };
  const refusals: [path: string, body: object, status: number, answer: object][] = [
    ["/v1/chat/completions", { model, messages }, 402, { error: failed }],
    ["/v1/responses", { model, input: "Hi" }, 200, { status: "failed", error: failed }],
    ["/api/gateway/chat", { message: "Hi", agentId, sessionKey: "b" }, 402, told],
    ["/api/chat", { message: "Hi", agentId }, 402, { ...told, response: "", finishReason: "budget_exceeded", turnId: expect.any(String) }],
    ["/api/v1/gateway", { message: "Hi", agentId }, 402, { error: "budget_exhausted", message: WORDS, refusedBy: BY }],
    [`/v1/agents/${agentId}/gateway/invoke`, { input: { text: "Hi" } }, 200, { status: "failed", reason: "budget", refused_by: ROW }],
  ];
  const heads = refusals.map(async ([path, body, status, answer]) => {
    const { status: answered, headers, body: said } = await rest.call(path, { body });
    expect([path, answered, headers.get("x-refused-by"), said]).toMatchObject([path, status, WORD, answer]);
    return JSON.stringify(said);
  });
  const a2aEnd = { message: { parts: [{ text: WORDS }, { data: { reason: "budget", refusedBy: BY } }] } };
  const bodies: [path: string, body: object, told: string][] = [
    ["/v1/chat/completions", { model, messages, stream: true }, `"refusedBy":${JSON.stringify(BY)}`],
    ["/v1/responses", { model, input: "Hi", stream: true }, `"refusedBy":${JSON.stringify(BY)}`],
    ["/api/chat/stream", { message: "Hi", agentId, sessionKey: "a" }, `"refusedBy":${JSON.stringify(BY)},"reason":"budget"`],
    [`/v1/agents/${agentId}/gateway/invoke/stream`, { input: { text: "Hi" } }, `"refused_by":${JSON.stringify(ROW)},"text":"${WORDS}"`],
    [`/a2a/agents/${agentId}/message:send`, { message }, JSON.stringify(a2aEnd.message.parts).slice(1, -1)],
    [`/a2a/agents/${agentId}/message:stream`, { message: { ...message, messageId: "two" } }, JSON.stringify(a2aEnd.message.parts)],
  ];
  const streams = bodies.map(async ([path, body, said]) => {
    const headers = path.startsWith("/a2a/") ? { "a2a-version": "1.0" } : {};
    const { text } = await rest.call(path, { body, headers });
    expect([path, text]).toEqual([path, expect.stringContaining(said)]);
    return text;
  });
  const others = Promise.all([
    DOORS["mcp agent_ask"]?.(visitor).then((answer) => {
      expect(answer).toMatchObject({ text: expect.stringContaining('"isError":true') });
      expect(answer).toMatchObject({ text: expect.stringContaining(`refused_by: ${WORD}\\nerror: ${WORDS}`) });
    }),
    rpcTold(visitor, "agent.execute", { agentId, message: "Hi" }),
    rpcTold(visitor, "session.spawn", { agent: agentId, task: "do it" }),
  ]);
  const all = [...(await Promise.all([...heads, ...streams])), JSON.stringify(await others)];

  // What is kept says the same, to whoever reads it later.
  const [turn] = await owner`select refused_by, id, conversation_id from turns where organization_id = ${tenant.organizationId} limit 1`;
  const kept = await rest.call(
    `/trpc/turn.await?input=${encodeURIComponent(JSON.stringify({ conversationId: turn?.["conversation_id"], turnId: turn?.["id"], waitMs: 0 }))}`,
  );
  expect([turn?.["refused_by"], at(kept.body, "result", "data", "refusedBy")]).toEqual([BY, BY]);
  const rows = await owner`
    select data from events where type = 'turn.failed' and conversation_id in (select id from conversations where organization_id = ${tenant.organizationId})
    union all select payload->'data' from webhook_deliveries where organization_id = ${tenant.organizationId} and type = 'turn.failed'`;
  expect(rows.length).toBeGreaterThan(refusals.length * 2);
  for (const { data } of rows) expect(data).toMatchObject({ reason: "budget", refusedBy: BY });
  expect(rows.every(({ data }) => data.text === undefined || data.text === WORDS)).toBe(true);
  expect(all.join() + JSON.stringify(rows)).not.toMatch(/limit_?micros|spent_?micros|0\.000003/i);

  const planner = await visit("refused planner");
  const [key] = await owner<{ id: string }[]>`select id from api_keys where organization_id = ${planner.tenant.organizationId}`;
  expect((await budget(planner.rest, "key", key?.id ?? "")).status).toBe(200);
  const frames = (await DOORS["plan.run"]?.(planner)) as { event: string; data: object }[];
  expect(frames.at(-2)).toMatchObject({ event: "error", data: { code: "budget", refused_by: { ...ROW, scope: "key" } } });
  expect(system.model.journal.length).toBe(before);
});

/** What JSON-RPC answers for a turn that had no money. */
async function rpcTold({ rest }: Visitor, method: string, params: object): Promise<unknown> {
  const { body } = await rest.call("/rpc", { body: { jsonrpc: "2.0", id: 1, method, params } });
  expect(body).toMatchObject({ result: { status: "failed", reason: "budget", error: WORDS, refusedBy: BY } });
  return body;
}

test("a call that was sold is one with what its models have used: a statement has both, by its payment, and so has the export", async () => {
  const buyer = await system.newTenant("sale");
  const rest = system.rest(0, buyer.apiKey);
  for (const [plugin, body] of [
    ["generate-text", { prompt: "Hi" }],
    ["tts", { text: "Hi" }],
    ["stt", { audio: Buffer.alloc(32_000).toString("base64") }],
  ] as const) {
    const sold = await rest.call("/api/v1/gateway", { body, headers: { "x-plugin-id": plugin } });
    expect(sold).toMatchObject({ status: 200 });
    const id = String(at(sold.body, "payment", "id"));
    // Another of the same is not among it.
    await rest.call("/api/v1/gateway", { body, headers: { "x-plugin-id": plugin } });
    const linesOf = async () => (await rest.call(`/api/billing/charges?sale=${id}`)).body;
    await expect.poll(async () => at(await linesOf(), "items", "length"), { timeout: 20_000 }).toBe(2);
    const charged = await linesOf();
    const both = [at(charged, "items", 0), at(charged, "items", 1)];
    expect(both.map((one) => [at(one, "source_type"), at(one, "sale_id")]).sort()).toEqual([
      ["direct", id],
      ["plugin", id],
    ]);
    const sum = both.reduce((micros: number, one) => micros + Number(at(one, "amount_micros")), 0);
    expect((await rest.call(`/api/billing/statement?sale=${id}`)).body).toMatchObject({ total: { calls: 2, amount_micros: sum } });
    expect((await rest.call(`/api/billing/charges.csv?sale=${id}`)).text.trim().split("\r\n")).toHaveLength(3);
  }
});
