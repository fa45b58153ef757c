import { randomUUID } from "node:crypto";
import { SCOPES, type Scope } from "@parley/contracts";
import { type RpcMethodName, rpcRow } from "@parley/router";
import { at, type System, startSystem, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRpc, type RpcClient } from "./support/rpc-client.ts";
import { SERVED } from "./support/served.ts";

/** What needs a thing to be named, and what names nothing of anybody's. */
const NAMING: Partial<Record<RpcMethodName, (ids: Ids) => Record<string, unknown>>> = {
  "agent.execute": ({ agentId }) => ({ agentId, message: "mine now" }),
  "agent.stream": ({ conversationId }) => ({ conversationId, message: "mine now" }),
  "conversation.follow": ({ conversationId }) => ({ conversationId }),
  "conversation.state": ({ conversationId }) => ({ conversationId }),
  "conversation.stop": ({ conversationId }) => ({ conversationId }),
  "conversation.answer": ({ conversationId, cardId }) => ({ conversationId, cardId, answers: [] }),
  "agents.get": ({ agentId }) => ({ agentId }),
  "agents.update": ({ agentId }) => ({ agentId, name: "mine" }),
  "agents.deploy": ({ agentId }) => ({ agentId }),
  "agents.suspend": ({ agentId }) => ({ agentId }),
  "agents.resume": ({ agentId }) => ({ agentId }),
  "agents.delete": ({ agentId }) => ({ agentId }),
  "session.history": ({ conversationId }) => ({ session_key: conversationId }),
  "session.status": ({ conversationId }) => ({ session_key: conversationId }),
  "session.send": ({ conversationId }) => ({ session_key: conversationId, text: "mine now" }),
  "session.spawn": ({ agentId }) => ({ agent: agentId, task: "mine now" }),
  "session.delete": ({ conversationId }) => ({ session_key: conversationId }),
  "session.export": ({ conversationId }) => ({ session_key: conversationId }),
  "session.reset": ({ conversationId }) => ({ session_key: conversationId }),
  "session.compact": ({ conversationId }) => ({ session_key: conversationId }),
  "memory.store": ({ agentId }) => ({ agent_id: agentId, content: "mine now" }),
  "memory.inspect": ({ memoryId }) => ({ id: memoryId }),
  "admin.approval.resolve": ({ cardId }) => ({ requestId: cardId, approved: true }),
  "tokens.rotate": ({ keyId }) => ({ id: keyId }),
  "tokens.revoke": ({ keyId }) => ({ id: keyId }),
  "subagent.kill": ({ conversationId }) => ({ target: conversationId }),
  "subagent.steer": ({ conversationId }) => ({ target: conversationId, message: "mine now" }),
  "obs.billing.bySession": ({ conversationId }) => ({ sessionKey: conversationId }),
};
/** They take ids, too, and answer for those that are one's own: none. */
const COUNTING: Partial<Record<RpcMethodName, (ids: Ids) => [params: object, answer: object]>> = {
  "memory.delete": ({ memoryId }) => [{ ids: [memoryId] }, { deleted: 0, failed: 1 }],
  "memory.flush": ({ agentId }) => [{ agent_id: agentId }, { entriesRemoved: 0 }],
  "memory.stats": ({ agentId }) => [{ agent_id: agentId }, { totalEntries: 0 }],
  "memory.search": ({ agentId }) => [{ query: "ours", agent_id: agentId }, { results: [] }],
  "memory.browse": ({ agentId }) => [{ agent_id: agentId }, { entries: [], total: 0 }],
  "memory.export": () => [{}, { entries: [], total: 0 }],
  "session.list": ({ agentId }) => [{ agentId }, { sessions: [], total: 0 }],
  "session.search": () => [{ query: "ours" }, { results: [] }],
  "admin.approval.pending": () => [{}, { requests: [], total: 0 }],
  "subagent.list": () => [{}, { runs: [], total: 0 }],
  "obs.billing.total": () => [{}, { callCount: 0 }],
  "obs.billing.byProvider": () => [{}, { providers: [] }],
  "obs.billing.byAgent": ({ agentId }) => [{ agentId }, { callCount: 0 }],
  "obs.billing.usage24h": () => [{}, []],
  "agents.list": () => [{}, { agents: [] }],
};
/** They look at nothing but the caller. */
const OWN: ReadonlySet<RpcMethodName> = new Set<RpcMethodName>([
  "agents.create",
  "conversation.unfollow",
  "models.list",
  "models.list_providers",
  "models.test",
  "system.health",
  "system.methods",
  "system.ping",
  "system.whoami",
  "tokens.create",
  "tokens.list",
]);

interface Ids {
  agentId: string;
  conversationId: string;
  cardId: string;
  memoryId: string;
  keyId: string;
}

let system: System;
let theirs: Tenant;
let ours: Ids;
const clients: RpcClient[] = [];

async function connect(apiKey: string): Promise<RpcClient> {
  const client = await openRpc(system.apis[0]?.url ?? "", apiKey);
  clients.push(client);
  return client;
}

beforeAll(async () => {
  system = await startSystem();
  theirs = await system.newTenant("theirs");
  const agentId = await system.ours.newAgent({
    tools: [{ name: "pay", url: `${system.tools.url}/pay`, needsApproval: true }],
    memory: { remember: true, scopes: ["organization"] },
  });
  system.model.script({ toolCalls: [{ name: "remember", arguments: { text: "ours" } }] }, { toolCalls: [{ name: "pay", arguments: {} }] });
  const client = await connect(system.ours.apiKey);
  // It waits for an approval: nothing moves while others try.
  const paused = await client.result("agent.execute", { agentId, message: "ours" });
  const memories = await client.result("memory.browse");
  const keys = await client.result("tokens.list");
  ours = {
    agentId,
    conversationId: String(paused.conversationId),
    cardId: String(at(paused, "cards", 0, "id")),
    memoryId: String(at(memories, "entries", 0, "id")),
    keyId: String(at(keys, "tokens", 0, "id")),
  };
  for (const id of Object.values(ours)) expect(id).not.toBe("undefined");
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await system?.close();
});

const scopesOf = (name: RpcMethodName): readonly string[] => [rpcRow(name).scope].flat();
const all: readonly Scope[] = SCOPES;

test("every method names something, counts something or looks at the caller alone", () => {
  const tried = [...Object.keys(NAMING), ...Object.keys(COUNTING), ...OWN];
  expect(tried.sort()).toEqual([...SERVED].sort());
});

describe("without its scope", () => {
  test("no method is reached, whatever its parameters, and what it needs is named", async () => {
    const rows = await system.rowCounts();
    const scoped = SERVED.filter((name) => !scopesOf(name).includes("authenticated"));
    const sets = [...new Set(scoped.map((name) => scopesOf(name).join(" ")))];
    const lacking = new Map<string, RpcClient>();
    for (const set of sets)
      lacking.set(set, await connect(await system.ours.newKey({ scopes: all.filter((scope) => !set.split(" ").includes(scope)) })));
    for (const name of scoped) {
      const client = lacking.get(scopesOf(name).join(" "));
      const { clientId } = (await client?.result("system.whoami")) ?? {};
      const [required] = scopesOf(name);
      expect([name, await client?.call(name, { nothing: "that fits" })]).toMatchObject([
        name,
        {
          error: {
            code: -32603,
            message: `Insufficient scope: requires '${required}'`,
            data: { clientId, required, code: "missing_scope" },
          },
        },
      ]);
    }
    const { api_keys: _, ...before } = rows;
    expect(await system.rowCounts()).toMatchObject(before);
  });

  test("and with any one of them each method is reached, and with all rights", async () => {
    const keyed = new Map<string, RpcClient>();
    for (const scope of ["rpc", "admin", "approvals", "*"] as const)
      keyed.set(scope, await connect(await system.ours.newKey({ scopes: [scope] })));
    for (const name of SERVED) {
      const enough = scopesOf(name).filter((scope) => scope !== "authenticated");
      for (const scope of [...enough, "*"]) {
        const { error } = (await keyed.get(scope)?.call(name, { session_key: 1, agentId: 1, id: 1, limit: "no" })) ?? {};
        expect([name, scope, error?.data?.code]).not.toEqual([name, scope, "missing_scope"]);
      }
    }
  });

  test("an empty list of scopes opens the socket and nothing more than who one is", async () => {
    const client = await connect(await system.ours.newKey({ scopes: [] }));
    expect(await client.result("system.whoami")).toMatchObject({ scopes: [] });
    expect((await client.call("system.ping")).error?.code).toBe(-32603);
  });
});

describe("what is another organization's", () => {
  test("is not found by any method, in the same words as what is not there, and nothing is written", async () => {
    const client = await connect(theirs.apiKey);
    await client.result("system.ping");
    const before = await system.rowCounts();
    const missing: Ids = {
      agentId: randomUUID(),
      conversationId: randomUUID(),
      cardId: randomUUID(),
      memoryId: randomUUID(),
      keyId: `key_${"0".repeat(24)}`,
    };
    for (const [name, paramsOf] of Object.entries(NAMING)) {
      const [foreign, none] = [await client.call(name, paramsOf(ours)), await client.call(name, paramsOf(missing))];
      expect([name, foreign.error]).toMatchObject([
        name,
        { code: -32602, message: "Not found.", data: { code: "not_found", httpStatus: 404 } },
      ]);
      expect([name, none.error]).toEqual([name, foreign.error]);
    }
    // What is looked for is embedded, and that is their own use of a model.
    const { "memory.search": searching, ...others } = COUNTING;
    for (const [name, of] of Object.entries(others)) {
      const [params, answer] = of(ours);
      expect([name, await client.result(name, params)]).toMatchObject([name, answer]);
    }
    expect(await system.rowCounts()).toEqual(before);
    const [params, answer] = searching?.(ours) ?? [];
    expect(await client.result("memory.search", params)).toMatchObject(answer ?? {});
  });

  test("is in no list", async () => {
    const client = await connect(theirs.apiKey);
    for (const name of ["tokens.list", "system.whoami", "agents.list"]) {
      const told = JSON.stringify(await client.result(name));
      for (const id of Object.values(ours)) expect([name, told.includes(id)]).toEqual([name, false]);
    }
  });
});

test("a key for another agent finds none of it either, and sees none of it in lists", async () => {
  const other = await system.ours.newAgent();
  const client = await connect(await system.ours.newKey({ scopes: ["*"], agentIds: [other] }));
  const open = new Set(["tokens.rotate", "tokens.revoke"]);
  for (const [name, paramsOf] of Object.entries(NAMING)) {
    if (open.has(name)) continue;
    expect([name, (await client.call(name, paramsOf(ours))).error?.data?.code]).toEqual([name, "not_found"]);
  }
  for (const name of ["session.list", "session.search", "memory.browse", "admin.approval.pending", "subagent.list", "agents.list"]) {
    const told = JSON.stringify(await client.result(name, name === "session.search" ? { query: "ours" } : {}));
    for (const id of [ours.agentId, ours.conversationId, ours.cardId, ours.memoryId])
      expect([name, told.includes(id)]).toEqual([name, false]);
  }
  expect(await client.result("obs.billing.total")).toMatchObject({ callCount: 0 });
});
