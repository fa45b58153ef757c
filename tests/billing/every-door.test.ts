import { MCP_TOOL_ROWS, ROUTES, RPC_METHOD_NAMES, rpcRow } from "@parley/router";
import { type ModelCall, type ModelServerRequest, type System, startSystem } from "@parley/testkit";
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
