import { createHookInput, createPeerInput, newId } from "@parley/contracts";
import { openWorld, untilRest, type World } from "@parley/testkit";
import type postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { routerOver, start } from "./testing/start.ts";

// Row-level security alone: every statement here goes around the application, as one of its own roles.

let world: World;
let tables: string[];
let filled: string;
beforeAll(async () => {
  world = await openWorld();
  // Rows in every table: a turn with a child, a card, a journal, a key, an idempotent call, a waiting fact.
  const router = await routerOver(world, [await world.agent({ name: "Leaf" })], "sync");
  world.model.script(
    { toolCalls: [{ name: "leaf", arguments: { query: "x" } }] },
    { text: ["done"] },
    { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "?" }] } }] },
  );
  const { events, submitted } = await start(world, router, "fill", { idempotencyKey: "one" });
  for await (const event of events) if (event.type === "turn.paused") break;
  filled = submitted.conversationId;
  await world.gateway.createKey(world.caller.organizationId, { name: "k", scopes: ["conversations:read"] }, null);
  await world.gateway.createSession(world.caller, { name: "s" });
  await world.sql.owner`
    insert into inbox (organization_id, conversation_id, event) values (${world.caller.organizationId}, ${filled}, '{}')`;
  await world.sql.owner`
    insert into checkpoints (turn_id, organization_id, conversation_id, epoch, n, texts)
    values (${submitted.turnId}, ${world.caller.organizationId}, ${filled}, 1, 1, '[]') on conflict do nothing`;
  await world.sql.owner`
    insert into branches (organization_id, conversation_id, branch, visible, edited_message_id)
    values (${world.caller.organizationId}, ${filled}, 0, '{(,)}', ${submitted.messageId})`;
  await fillActivity(world, filled);
  await fillMemory(world, filled);
  await fillMedia(world);
  await fillDirectCalls(world);
  await fillPayments(world);
  await fillResponses(world);
  await fillWebhooks(world, filled);
  await fillA2a(world, filled);
  await fillPeers(world, filled);
  await world.database.peerKeys.pin(world.caller.organizationId, { endpoint: "e", did: "d", publicKey: "k" }, 1);
  await fillMoney(world, submitted.turnId ?? "");
  const rows = await world.sql.owner<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and a.attname = 'organization_id' and not a.attisdropped order by 1`;
  // Prices are everybody's where they are no organization's own; tests/billing has what becomes of others' there.
  tables = rows.map((row) => row.name).filter((name) => name !== "prices");
});
afterAll(() => world.close());

/** Money, some of it set aside and counted against a budget, and a charge. */
async function fillMoney({ database, caller, sql }: World, turnId: string): Promise<void> {
  const { organizationId } = caller;
  const { billing } = database;
  await billing.setBudget(
    organizationId,
    { ...{ id: turnId, scope: "organization", subject: "", period: "day" }, ...{ limitMicros: 1_000_000, alertPercent: 1, hard: true } },
    1,
  );
  await billing.credit({ organizationId, amountMicros: 5, sourceType: "test", sourceId: "one", note: "" });
  // Of a call that nobody has told the end of: that of a turn which has ended is let go by the next look of the sweep.
  await billing.grow({ organizationId, id: newId(), kind: "call", principalId: null, agentId: null, userId: null }, { firmMicros: 1 });
  // Books that are not in order, in truth: what is told of others goes with the sweep's next look.
  await sql.owner`update ledger_balances set held_micros = held_micros + 1 where organization_id = ${organizationId} and account = 'customer'`;
  await sql.owner`
    insert into ledger_faults (organization_id, problems, transactions) values (${organizationId}, '[]', '{}') on conflict do nothing`;
  await sql.owner`
    insert into charges (organization_id, source_type, source_id, payer, amount_micros, assumed, model, input_tokens, output_tokens, cached_tokens,
      reasoning_tokens, estimated, at)
    values (${organizationId}, 'direct', 'one', 'customer', 0, false, 'm', 0, 0, 0, 0, false, now())`;
}

/** A conversation whose first turn is summarised, with a memory learned from it, and with more to do. */
async function fillMemory({ database, caller, sql }: World, conversationId: string): Promise<void> {
  const key = { organizationId: caller.organizationId, conversationId };
  const place = { scope: "agent", scopeId: "x", agentId: conversationId, conversationId, turnNumber: 1 } as const;
  const summary = { level: 1, fromTurn: 1, throughTurn: 1, text: "s", tainted: false, model: "m", head: "", visible: "{(,)}" };
  const memories = [{ ...place, id: conversationId, text: "m", tainted: false, embedding: null }];
  await sql.owner`update turns set finished_at = now() where conversation_id = ${conversationId}`;
  expect(await database.compactions.install(key, { ...summary, memories }, 1)).not.toBeNull();
  // Due later than the worker of this world can take it up.
  await sql.owner`insert into compactions (organization_id, conversation_id, due_at)
    values (${caller.organizationId}, ${conversationId}, now() + interval '1 hour')
    on conflict (conversation_id) do update set due_at = excluded.due_at`;
}

/** The gateway's own triggers have filled the table of what is not told yet. */
async function fillActivity({ caller, sql }: World, conversationId: string): Promise<void> {
  const { organizationId } = caller;
  await sql.owner`insert into activity (organization_id, id, type, at, data) values (${organizationId}, 1, 'x', now(), '{}')`;
  await sql.owner`insert into activity_heads (organization_id, last_id) values (${organizationId}, 1)`;
  await sql.owner`
    insert into chats (organization_id, agent_id, name_hash, conversation_id) values (${organizationId}, ${conversationId}, 'x', ${conversationId})`;
}

async function fillMedia({ gateway, caller }: World): Promise<void> {
  async function* bytes() {
    yield Buffer.from("bytes");
  }
  const facts = { fileName: null, contentType: null, size: null, ttlSeconds: null };
  await gateway.uploadMedia(caller, { ...facts, bytes: bytes() });
}

async function fillResponses({ caller, sql }: World): Promise<void> {
  const { organizationId, principalId } = caller;
  const id = newId<string>();
  await sql.owner`insert into responses (id, organization_id, principal_id, status, background, snapshot)
    values (${id}, ${organizationId}, ${principalId}, 'completed', false, '{}')`;
  await sql.owner`insert into response_items (organization_id, response_id, is_output, position, id, item)
    values (${organizationId}, ${id}, true, 0, 'i', '{}')`;
  await sql.owner`insert into response_events (organization_id, response_id, first, events) values (${organizationId}, ${id}, 0, '{x}')`;
  await sql.owner`insert into item_conversations (id, organization_id) values (${id}, ${organizationId})`;
  await sql.owner`insert into conversation_items (organization_id, conversation_id, position, id, item)
    values (${organizationId}, ${id}, 0, 'i', '{}')`;
}

async function fillPayments({ caller, sql }: World): Promise<void> {
  const { organizationId } = caller;
  await sql.owner`insert into card_events (id, organization_id, payment_id, type, created_at) values ('e', ${organizationId}, 'p', 't', now())`;
  await sql.owner`insert into card_payments (payment_id, organization_id) values ('p', ${organizationId})`;
  await sql.owner`insert into card_disputes (dispute_id, organization_id, payment_id, disputed_micros, ended) values ('d', ${organizationId}, 'p', 1, false)`;
  await sql.owner`insert into card_subscriptions (subscription_id, organization_id, plan, status, told_at, told_step)
    values ('s', ${organizationId}, 'solo', 'active', now(), 1)`;
  await sql.owner`insert into plan_invoices (invoice_id, organization_id, subscription_id, plan, paid_micros, credit_micros, paid_at)
    values ('i', ${organizationId}, 's', 'solo', 1, 1, now())`;
  await sql.owner`insert into payment_channels (id, organization_id, payer, state, voucher_micros, deposit_micros) values ('h', ${organizationId}, 'w', '{}', 1, 1)`;
  await sql.owner`insert into past_channels (id, organization_id) values ('past', ${organizationId})`;
  await sql.owner`insert into card_customers (organization_id, customer_id) values (${organizationId}, 'c')`;
  await sql.owner`insert into wallet_sessions (id, organization_id, principal_id, wallet, deposit_micros) values ('s', ${organizationId}, 'p', 'w', 1)`;
  await sql.owner`insert into purchases (id, organization_id, method, plugin, amount_micros, state)
    values (${newId<string>()}, ${organizationId}, 'credits', 'agent', 1, 'released')`;
  await sql.owner`insert into payment_challenges (id, organization_id, plugin, amount_micros, body_digest, challenge, expires_at)
    values ('c', ${organizationId}, 'agent', 1, 'd', '{}', now())`;
}

async function fillDirectCalls({ database, caller }: World): Promise<void> {
  const used = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
  const { organizationId, principalId } = caller;
  const id = newId();
  const call = {
    id,
    callId: id,
    part: 0,
    organizationId,
    principalId,
    userId: null,
    route: "openai.chat",
    model: "m",
    outcome: "answered",
  } as const;
  const record = { ...call, ...used, tries: 1, latencyMs: 1, requestId: "r", at: new Date().toISOString() };
  await database.directCalls.append([record]);
  const note = { id: call.id, organizationId: call.organizationId, note: { kind: "call" as const, call: record } };
  await database.usageNotes.keep({ id: call.id, isNew: true, aliveMs: 600_000 }, { notes: [note], ended: [] });
  // One that no statement takes is set aside.
  await database.directCalls.append([{ ...record, id: newId(), model: null as never }]);
}

async function fillPeers({ gateway, caller, sql }: World, conversationId: string): Promise<void> {
  const { organizationId } = caller;
  await gateway.createPeer(caller, createPeerInput.parse({ name: "peer", endpoint: "https://example.com" }));
  const ids = { id: newId(), turn: newId() };
  await sql.owner`insert into turn_peers (organization_id, conversation_id, turn_id, place, peer)
    values (${organizationId}, ${conversationId}, ${ids.turn}, 0, '{}')`;
  await sql.owner`insert into peer_calls (id, organization_id, conversation_id, turn_id, peer_ref, target, input)
    values (${ids.id}, ${organizationId}, ${conversationId}, ${ids.turn}, 'r', '{}', '{}')`;
  await sql.owner`insert into peer_usage (execution_id, organization_id, conversation_id, turn_id, peer_ref, name)
    values (${ids.id}, ${organizationId}, ${conversationId}, ${ids.turn}, 'r', 'peer')`;
}

async function fillWebhooks({ gateway, caller, sql }: World, conversationId: string): Promise<void> {
  const hook = await gateway.createHook(caller, createHookInput.parse({ name: "hook" }));
  const endpoint = await gateway.createEndpoint(caller, {
    url: "https://example.com",
    description: "",
    events: ["turn.failed"],
    includeContent: false,
  });
  const { organizationId } = caller;
  await sql.owner`insert into hook_deliveries (id, organization_id, hook_id, delivery_id, agent_id, conversation_id, text, answer)
    values (${conversationId}, ${organizationId}, ${hook.id}, 'd', ${conversationId}, ${conversationId}, '', '{}')`;
  await sql.owner`insert into webhook_deliveries (organization_id, endpoint_id, type, payload)
    values (${organizationId}, ${endpoint.id}, 'turn.failed', '{}')`;
}

async function fillA2a({ caller, sql }: World, conversationId: string): Promise<void> {
  const { organizationId, principalId } = caller;
  const id = newId<string>();
  await sql.owner`
    insert into a2a_tasks (id, organization_id, principal_id, agent_id, conversation_id, message_id, context_id, state, state_at, start_cursor)
    values (${id}, ${organizationId}, ${principalId}, ${id}, ${conversationId}, ${id}, 'c', 'working', now(), '0-0')`;
  await sql.owner`insert into a2a_messages (organization_id, principal_id, agent_id, name, task_id, message)
    values (${organizationId}, ${principalId}, ${id}, 'm', ${id}, '{}')`;
  await sql.owner`insert into a2a_pushes (organization_id, task_id, id, url, version) values (${organizationId}, ${id}, 'p', 'u', '1.0')`;
  await sql.owner`insert into a2a_push_deliveries (organization_id, task_id, push_id, fact) values (${organizationId}, ${id}, 'p', '{}')`;
}

/** A connection, or a transaction on one. */
type Sql = postgres.ISql;

/** Runs as the application's role, having named these organizations; null: none was named. */
const asApp = <Result>(organizations: string[] | null, work: (tx: Sql) => PromiseLike<Result>): Promise<Result> =>
  world.sql.app.begin(async (tx) => {
    if (organizations !== null) await tx`select set_config('parley.organizations', ${`{${organizations.join(",")}}`}, true)`;
    return work(tx);
  }) as Promise<Result>;

const count = async (tx: Sql, table: string): Promise<number> => {
  const [row] = await tx<{ count: number }[]>`select count(*)::int as count from ${tx(table)}`;
  return row?.count ?? -1;
};

/** How many rows the statement reaches; 0 where the role may not do such a thing to the table at all. */
async function touched(organizations: string[] | null, statement: (tx: Sql) => PromiseLike<{ count: number }>): Promise<number> {
  try {
    return (await asApp(organizations, statement)).count;
  } catch (error) {
    expect(error).toMatchObject({ code: "42501" });
    return 0;
  }
}

test("every table with an organization has rows to protect, forced row-level security and a policy for reads and writes", async () => {
  expect(tables.length).toBeGreaterThanOrEqual(14);
  for (const table of tables) {
    expect(await count(world.sql.owner, table), table).toBeGreaterThan(0);
    const [flags] = await world.sql.owner`
      select relrowsecurity, relforcerowsecurity from pg_class where oid = ${table}::regclass`;
    expect(flags, table).toEqual({ relrowsecurity: true, relforcerowsecurity: true });
    const policies = await world.sql.owner`
      select cmd, qual is not null as reads, with_check is not null as writes from pg_policies
      where tablename = ${table} and 'parley_app' = any (roles)`;
    expect(policies, table).toEqual([{ cmd: "ALL", reads: true, writes: true }]);
  }
});

test("partitions, which have no policies, are closed to everyone but their owner", async () => {
  const open = await world.sql.owner`
    select c.relname, r.rolname from pg_class c cross join pg_roles r
    where c.relispartition and r.rolname in ('parley_app', 'parley_sweep')
      and has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')`;
  expect(open).toEqual([]);
  await expect(world.sql.app`select from events_other`).rejects.toMatchObject({ code: "42501" });
});

test("what one statement writes for many organizations has their list read once, not for each row", async () => {
  for (const table of ["direct_calls", "usage_notes"]) {
    const plan = await asApp([], (tx) => tx`explain select from ${tx(table)}`);
    expect(JSON.stringify(plan), table).toContain("InitPlan");
  }
});

test("neither role owns a table, is a superuser, goes around row-level security, or may become who does", async () => {
  const roles = await world.sql.owner`
    select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname in ('parley_app', 'parley_sweep') order by 1`;
  const harmless = { rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false };
  expect(roles).toEqual([
    { rolname: "parley_app", ...harmless },
    { rolname: "parley_sweep", ...harmless },
  ]);
  expect(
    await world.sql.owner`
    select from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname in ('parley_app', 'parley_sweep')`,
  ).toHaveLength(0);
  expect(
    await world.sql.owner`
    select from pg_auth_members m join pg_roles r on r.oid = m.member where r.rolname in ('parley_app', 'parley_sweep')`,
  ).toHaveLength(0);
  await expect(world.sql.app`create table mine (id int)`).rejects.toMatchObject({ code: "42501" });
});

const OTHERS: [string, () => string[] | null][] = [
  ["no organization", () => null],
  ["another organization", () => [world.stranger.organizationId]],
];

describe.each(OTHERS)("with %s named", (_, organizations) => {
  test("every table looks empty", async () => {
    for (const table of [...tables, "organizations"]) {
      const own = organizations()?.length === 1 && table === "organizations" ? 1 : 0;
      expect(await asApp(organizations(), (tx) => count(tx, table)), table).toBe(own);
    }
  });

  test("nothing of ours can be changed, deleted or added", async () => {
    for (const table of tables) {
      const before = await count(world.sql.owner, table);
      expect(await touched(organizations(), (tx) => tx`update ${tx(table)} set organization_id = organization_id`), table).toBe(0);
      expect(await touched(organizations(), (tx) => tx`delete from ${tx(table)}`), table).toBe(0);
      expect(await count(world.sql.owner, table), table).toBe(before);
    }
    const { organizationId } = world.caller;
    for (const insert of inserts(organizationId)) await expect(asApp(organizations(), insert)).rejects.toMatchObject({ code: "42501" });
  });

  test("the engine's functions find nothing, though they are told the id", async () => {
    const named = organizations()?.[0] ?? "00000000-0000-7000-8000-000000000000";
    await asApp(organizations(), async (tx) => {
      expect(await tx`select read_log(${named}, ${filled}, 0, 0, 10) as answer`).toEqual([{ answer: null }]);
      expect(await tx`select read_run_state(${named}, ${filled}) as answer`).toEqual([{ answer: null }]);
      const claim = { organizationId: named, conversationId: filled, worker: "w", leaseMs: 1, historyTurnsMax: 1 };
      expect(await tx`select claim_turn(${JSON.stringify(claim)}::text::jsonb) as answer`).toEqual([{ answer: { outcome: "gone" } }]);
    });
  });
});

type Statement = (tx: Sql) => PromiseLike<unknown>;

const inserts = (organizationId: string): Statement[] => [
  (tx: Sql) => tx`insert into inbox (organization_id, conversation_id, event) values (${organizationId}, ${filled}, '{}')`,
  (tx) => tx`insert into conversations (id, organization_id, agent_id, month) values (uuidv7(), ${organizationId}, uuidv7(), now())`,
  (tx) =>
    tx`insert into events (organization_id, conversation_id, month, epoch, n, type, execution_id, data, at)
      values (${organizationId}, ${filled}, now(), 9, 9, 'turn.completed', ${filled}, '{}', now())`,
  (tx) =>
    tx`insert into api_keys (id, organization_id, name, prefix, hash, scopes) values ('k', ${organizationId}, 'n', 'p', '\\x00', '{}')`,
];

test("a row of ours cannot be handed to another organization", async () => {
  const { organizationId } = world.caller;
  await expect(
    asApp([organizationId], (tx) => tx`update messages set organization_id = ${world.stranger.organizationId}`),
  ).rejects.toMatchObject({ code: "42501" });
  expect(await asApp([organizationId], (tx) => count(tx, "messages"))).toBe(await count(world.sql.owner, "messages"));
});

test("what one transaction named, the next on the same connection does not inherit", async () => {
  const { organizationId } = world.caller;
  for (let round = 0; round < 10; round += 1) {
    expect(await asApp([organizationId], (tx) => count(tx, "messages"))).toBeGreaterThan(0);
    expect(await count(world.sql.app, "messages")).toBe(0);
  }
});

test("a key is found by its hash before its organization is known, and nothing else is", async () => {
  const { apiKey } = await world.gateway.createKey(world.caller.organizationId, { name: "k", scopes: ["conversations:read"] }, null);
  const caller = await world.gateway.authenticate(apiKey ?? "");
  expect(caller.organizationId).toBe(world.caller.organizationId);
  expect(await world.sql.app`select find_api_key('\\x00') as found`).toEqual([{ found: null }]);
  expect(await count(world.sql.app, "api_keys")).toBe(0);
  await expect(world.sql.sweep`select find_api_key('\\x00')`).rejects.toMatchObject({ code: "42501" });
});

describe("the sweep's role", () => {
  const closed = [
    "messages",
    "events",
    "turns",
    "executions",
    "journal",
    "api_keys",
    "usage_records",
    "usage_notes",
    "usage_set_aside",
    "cards",
    "inbox",
    "checkpoints",
    "agents",
    "summaries",
    "summary_heads",
    "turn_words",
    "memories",
    "memory_sources",
  ];

  test("sees no text, no key and no answer of anyone", async () => {
    for (const table of closed) {
      // Of some it may read when they are past their time, and nothing else.
      await expect(world.sql.sweep`select * from ${world.sql.sweep(table)}`, table).rejects.toMatchObject({ code: "42501" });
      // The steps of ended turns are its to remove.
      if (table === "journal") continue;
      await expect(world.sql.sweep`delete from ${world.sql.sweep(table)}`, table).rejects.toMatchObject({ code: "42501" });
    }
  });

  test("counts kicks of conversations and changes nothing else of them", async () => {
    expect(await count(world.sql.sweep, "conversations")).toBeGreaterThan(0);
    await world.sql.sweep`update conversations set kicks = kicks`;
    await expect(world.sql.sweep`update conversations set state = 'idle'`).rejects.toMatchObject({ code: "42501" });
    await expect(world.sql.sweep`delete from conversations`).rejects.toMatchObject({ code: "42501" });
  });
});

test("usage and events of a conversation lie in the partition of its month", async () => {
  const agent = await world.agent();
  const { events, submitted } = await start(world, agent, "hello");
  await untilRest(events);
  const { conversationId } = submitted;
  const rows = await world.sql.owner<{ part: string }[]>`
    select distinct tableoid::regclass::text as part from events where conversation_id = ${conversationId}
    union select distinct tableoid::regclass::text from usage_records where conversation_id = ${conversationId} order by 1`;
  const [month] = await world.sql.owner<{ suffix: string }[]>`
    select to_char(month, 'YYYYMM') as suffix from conversations where id = ${conversationId}`;
  expect(rows.map((row) => row.part)).toEqual([`events_${month?.suffix}`, `usage_records_${month?.suffix}`]);
});
