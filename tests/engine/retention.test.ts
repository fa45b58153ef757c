import { type Cursor, isDurable, LIMITS, type Limits, newId, START } from "@parley/contracts";
import { openSweepStore } from "@parley/db";
import { collectUntil, openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { logUntil, routerOver, start, stateOf, staying, submit } from "./testing/start.ts";

let world: World;
let sweep: ReturnType<typeof openSweepStore>;
beforeAll(async () => {
  world = await openWorld();
  world.model.otherwise(({ lastUserText }) => ({ text: [`answer to ${lastUserText}`] }));
  const { host, port, database, user, pass } = world.sql.sweep.options;
  const url = `postgres://${user}:${pass}@${host[0]}:${port[0]}/${database}`;
  sweep = openSweepStore({ url, prepare: true, applicationName: "test" });
});
afterAll(() => Promise.all([world.close(), sweep.close()]));

const DAYS = 10;
const kept: Pick<Limits, "conversationsKeptDays" | "eventsKeptDays"> = { conversationsKeptDays: DAYS, eventsKeptDays: 0 };
const trimmed = { conversationsKeptDays: 0, eventsKeptDays: DAYS };
const keyOf = (conversationId: string) => ({ organizationId: world.caller.organizationId, conversationId });

/** Runs turns one after the other. */
async function converse(texts: string[], agent?: { id: string }): Promise<string> {
  const who = agent ?? (await world.agent());
  let conversationId: string | undefined;
  for (const text of texts) {
    const { events, submitted } = await start(world, who, text, conversationId === undefined ? {} : { conversationId });
    await untilRest(events);
    conversationId = submitted.conversationId;
  }
  return conversationId ?? "";
}

/** As if all that has happened so far had happened that many days ago. */
async function age(conversationId: string, days: number): Promise<void> {
  const { owner } = world.sql;
  const logs = owner`select id from conversations where id = ${conversationId} or root_conversation_id = ${conversationId}`;
  await owner`update executions set updated_at = updated_at - make_interval(days => ${days}) where conversation_id in (${logs})`;
  await owner`update events set at = at - make_interval(days => ${days}) where conversation_id in (${logs})`;
  await owner`update journal set created_at = created_at - make_interval(days => ${days})
    where turn_id in (select id from turns where conversation_id in (${logs}))`;
  await owner`update turns set finished_at = finished_at - make_interval(days => ${days}) where conversation_id in (${logs})`;
}

/** A conversation whose background child has ended. */
async function withBackgroundChild() {
  const router = await routerOver(world, [await world.agent({ name: "Leaf" })], "async");
  world.model.script({ toolCalls: [{ name: "leaf", arguments: { query: "dig" } }] });
  const conversationId = await converse(["go"], router);
  const [child] = (await world.gateway.getConversation(world.caller, { conversationId })).children;
  const childId = child?.execution.id ?? "";
  await expect.poll(async () => (await world.gateway.getExecution(world.caller, childId)).status).toBe("completed");
  return { conversationId, childId };
}

const retain = (conversationId: string, limits: typeof kept, rowsMax = 1_000) =>
  world.database.turns.retain(keyOf(conversationId), limits, rowsMax);

/** Rows that a conversation has left, in every table that names it. */
async function rowsOf(conversationId: string): Promise<number> {
  const [row] = await world.sql.owner<{ rows: number }[]>`
    select ((select count(*) from conversations where id = ${conversationId}) + (select count(*) from executions where conversation_id = ${conversationId})
      + (select count(*) from messages where conversation_id = ${conversationId}) + (select count(*) from turns where conversation_id = ${conversationId})
      + (select count(*) from events where conversation_id = ${conversationId}))::int as rows`;
  return row?.rows ?? 0;
}

const eventsOf = async (conversationId: string): Promise<{ cursor: Cursor; type: string }[]> =>
  world.sql.owner<{ cursor: Cursor; type: string }[]>`
    select epoch || '-' || n as cursor, type from events where conversation_id = ${conversationId} order by epoch, n`;

test("a conversation is deleted with its children when nothing has happened in any of them for long; usage stays", async () => {
  const { conversationId, childId } = await withBackgroundChild();
  await age(conversationId, DAYS - 1);
  await retain(conversationId, kept);
  expect(await rowsOf(conversationId)).toBeGreaterThan(0);
  await age(conversationId, 2);
  await world.sql.owner`update executions set updated_at = now() where id = ${childId}`;
  await retain(conversationId, kept);
  expect(await rowsOf(conversationId)).toBeGreaterThan(0);
  await age(conversationId, DAYS);
  await retain(conversationId, { ...kept, conversationsKeptDays: 0 });
  expect(await rowsOf(conversationId)).toBeGreaterThan(0);

  expect(await retain(conversationId, kept)).toBe(false);
  expect([await rowsOf(conversationId), await rowsOf(childId)]).toEqual([0, 0]);
  const [usage] = await world.sql
    .owner`select count(*)::int as lines from usage_records where conversation_id in (${conversationId}, ${childId})`;
  expect(usage?.lines).toBeGreaterThan(1);
});

test("what waits or asks is kept however long it takes", async () => {
  const agent = await world.agent();
  world.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which?" }] } }] });
  const { events, submitted } = await start(world, agent, "ask");
  await collectUntil(events, (event) => event.type === "turn.paused");
  const waiting = await submit(world, agent, "later", { conversationId: newId(), mode: "queue", invoke: true });
  await world.sql.owner`update conversations set held = true, due_at = null where id = ${waiting.conversationId}`;
  for (const conversationId of [submitted.conversationId, waiting.conversationId]) {
    await age(conversationId, 2 * DAYS);
    await retain(conversationId, kept);
    expect(await rowsOf(conversationId)).toBeGreaterThan(0);
  }
});

test("a large conversation is removed in batches, and one that is taken up again in between goes on", async () => {
  const agent = await world.agent();
  const conversationId = await converse(["one", "two"], agent);
  const before = await eventsOf(conversationId);
  await age(conversationId, 2 * DAYS);
  expect(await retain(conversationId, kept, 3)).toBe(true);
  expect(await eventsOf(conversationId)).toEqual(before.slice(3));

  const again = await start(world, agent, "three", { conversationId });
  await untilRest(again.events);
  expect(await retain(conversationId, kept, 3)).toBe(false);
  expect(await stateOf(world, conversationId)).toMatchObject({ turnNumber: 3, state: "idle" });
  await age(conversationId, 2 * DAYS);
  for (let batches = 0; await retain(conversationId, kept, 3); batches += 1) expect(batches).toBeLessThan(10);
  expect(await rowsOf(conversationId)).toBe(0);
});

test("events of turns that ended long ago are removed, the conversation goes on, and no reader passes over them unknowing", async () => {
  const agent = await world.agent();
  const conversationId = await converse(["one", "two"], agent);
  const old = await eventsOf(conversationId);
  await age(conversationId, DAYS + 1);
  const again = await start(world, agent, "three", { conversationId });
  await untilRest(again.events);
  await retain(conversationId, trimmed);
  const left = await eventsOf(conversationId);
  expect(left.map(({ type }) => type)).toEqual(["turn.created", "turn.started", "turn.completed"]);

  const follow = (after?: Cursor) =>
    world.gateway.followConversation(world.caller, { conversationId, signal: staying(), ...(after && { after }) });
  // Within what is gone: a refusal that says so, whatever the place.
  for (const { cursor } of old.slice(0, -1)) await expect(follow(cursor)).rejects.toMatchObject({ code: "invalid_cursor" });
  // At its very end nothing is missing, and without a cursor a reader gets all that is kept.
  for (const after of [old.at(-1)?.cursor, undefined, START]) {
    const { events } = await follow(after);
    const seen = (await untilRest(events)).filter(({ type }) => isDurable(type));
    expect(seen.map(({ cursor }) => cursor)).toEqual(left.map(({ cursor }) => cursor));
  }
  await submit(world, agent, "four", { conversationId });
  const all = await logUntil(world, conversationId, (event) => event.type === "turn.completed" && event.data.turnNumber === 4);
  expect(all.filter(({ type }) => isDurable(type))).toHaveLength(6);
});

test("a reader that was slower than retention is told, not given what comes after the hole", async () => {
  const agent = await world.agent();
  const conversationId = await converse(["one"], agent);
  const [first] = await eventsOf(conversationId);
  const { events } = await world.gateway.followConversation(world.caller, {
    conversationId,
    after: first?.cursor as Cursor,
    signal: staying(),
  });
  await age(conversationId, DAYS + 1);
  await retain(conversationId, trimmed);
  await expect(events[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "invalid_cursor" });
});

test("a cursor of a deleted conversation is none of the one that is made anew under its id", async () => {
  const agent = await world.agent();
  const conversationId = newId<never>();
  const { events } = await start(world, agent, "first life", { conversationId, invoke: true });
  const seen = await untilRest(events);
  await world.gateway.deleteExecution(world.caller, { executionId: String(conversationId), memories: "forget" });
  await untilRest((await start(world, agent, "second life", { conversationId, invoke: true })).events);
  for (const { cursor } of seen) {
    const following = world.gateway.followConversation(world.caller, { conversationId, after: cursor, signal: staying() });
    await expect(following).rejects.toMatchObject({ code: "invalid_cursor" });
  }
});

const KEPT = {
  ...{ idempotencyKeptHours: 24, journalKeptDays: 7, webhooksKeptDays: 7, activityKeptDays: 7 },
  ...{ soldCallsKeptDays: 90, cardEventsKeptDays: 90, cardPaymentsKeptDays: 800 },
  ...{ directCallsKeptDays: 0, responsesKeptDays: 0, itemConversationsKeptDays: 0 },
};

test("what cannot be removed keeps nothing else from being removed, and is told when nothing of that is left", async () => {
  const keys = ["a", "b", "c"];
  const agent = await world.agent();
  for (const idempotencyKey of keys) await untilRest((await start(world, agent, "x", { idempotencyKey })).events);
  await world.sql.owner`update idempotency_keys set created_at = now() - interval '25 hours' where key in ${world.sql.owner(keys)}`;
  await world.sql.owner`revoke execute on function forget_journal from parley_sweep`;
  try {
    for (const left of [2, 1, 0]) {
      expect(await sweep.store.forget(KEPT, 1)).toBe(true);
      expect(await world.sql.owner`select from idempotency_keys where key in ${world.sql.owner(keys)}`).toHaveLength(left);
    }
    await expect(sweep.store.forget(KEPT, 1)).rejects.toMatchObject({
      code: "internal",
      cause: { message: expect.stringContaining("forget_journal") },
    });
  } finally {
    await world.sql.owner`grant execute on function forget_journal to parley_sweep`;
  }
});

test("the sweep removes journals of turns that ended long ago, idempotency keys past their time, and nothing younger", async () => {
  const leaf = await world.agent({ name: "Leaf" });
  const router = await routerOver(world, [leaf], "sync");
  const journals = async () =>
    (await world.sql.owner<{ id: string }[]>`select distinct conversation_id as id from journal join turns on turns.id = turn_id`).map(
      ({ id }) => id,
    );
  const conversations: string[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    world.model.script({ toolCalls: [{ name: "leaf", arguments: { query: "dig" } }] }, { text: ["gold"] }, { text: ["found"] });
    conversations.push(await converse(["go"], router));
  }
  const [old = "", unended = "", young = ""] = conversations;
  await age(old, 8);
  await age(unended, 8);
  await world.sql.owner`update turns set finished_at = null where conversation_id = ${unended}`;
  for (const idempotencyKey of ["old", "young"]) await untilRest((await start(world, router, "x", { idempotencyKey })).events);
  await world.sql.owner`update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'`;

  for (const [call, days] of [
    ["old", 8],
    ["young", 6],
  ] as const)
    await world.sql.owner`insert into peer_calls (id, organization_id, conversation_id, turn_id, peer_ref, target, input, state, ended_at)
      values (${newId()}, ${world.caller.organizationId}, ${old}, ${newId()}, ${call}, '{}', '{}', 'ended', now() - ${days} * interval '1 day')`;

  for (let batches = 0; await sweep.store.forget(KEPT, 1); batches += 1) expect(batches).toBeLessThan(50);
  expect(await journals()).not.toContain(old);
  expect(await journals()).toEqual(expect.arrayContaining([unended, young]));
  const keys = await world.sql.owner<{ key: string }[]>`select key from idempotency_keys where key in ('old', 'young')`;
  expect(keys.map(({ key }) => key)).toEqual(["young"]);
  expect(await world.sql.owner`select peer_ref as call from peer_calls`).toEqual([{ call: "young" }]);
});

test("what charges have made superfluous goes after its time: calls of peers that are charged, periods of budgets that are over", async () => {
  const { organizationId } = world.caller;
  for (const [name, days, unposted] of [
    ["old", 500, false],
    ["old and not charged", 500, true],
    ["young", 300, false],
  ] as const)
    await world.sql
      .owner`insert into peer_usage (execution_id, organization_id, conversation_id, turn_id, peer_ref, name, price_micros, at, unposted)
      values (${newId()}, ${organizationId}, ${newId()}, ${newId()}, 'p', ${name}, 1, now() - ${days} * interval '1 day', ${unposted})`;
  const budgetId = newId();
  // Of nobody: what is charged meanwhile begins no period of it.
  await world.sql.owner`insert into budgets (id, organization_id, scope, subject, period, limit_micros, alert_percent, hard)
    values (${budgetId}, ${organizationId}, 'user', 'nobody', 'day', 5, 80, false)`;
  for (const [starts, held] of [
    ["2000-01-01", 0],
    ["2001-01-01", 0],
    ["2001-01-02", 7],
  ] as const)
    await world.sql
      .owner`insert into budget_periods (organization_id, budget_id, starts_on, held_micros) values (${organizationId}, ${budgetId}, ${starts}, ${held})`;
  const forget = (directCallsKeptDays: number) => sweep.store.forget({ ...KEPT, directCallsKeptDays }, 1_000);
  const left = async () => [
    (await world.sql.owner<{ name: string }[]>`select name from peer_usage where peer_ref = 'p' order by name`).map(({ name }) => name),
    (
      await world.sql.owner<{ day: string }[]>`select starts_on::text as day from budget_periods where budget_id = ${budgetId} order by 1`
    ).map(({ day }) => day),
  ];
  await forget(0);
  expect((await left()).map((rows) => rows?.length)).toEqual([3, 3]);
  await forget(400);
  expect((await left())[1]).toEqual(["2000-01-01", "2001-01-02"]);
  // What is not charged yet is charged, by the sweep; then it goes, too.
  await expect.poll(async () => (await forget(400), (await left())[0]), { timeout: 20_000 }).toEqual(["young"]);
  expect(await world.sql.owner`select from charges where source_type = 'peer' and model = 'peer/old and not charged'`).toHaveLength(1);
  await world.sql.owner`delete from budgets where id = ${budgetId}`;
});

test("what is over of payments goes after its time; what is under way, owed, unknown or disputed stays, and so do the ledger and what plans are reckoned from", async () => {
  const sql = world.sql.owner;
  const { organizationId } = world.caller;
  const ago = (days: number) => new Date(Date.now() - days * 86_400_000);
  const purchase = (plugin: string, state: string, days: number, session: string | null = null) => sql`
    insert into purchases (id, organization_id, method, plugin, amount_micros, session_id, state, created_at, touched_at, ended_at)
    values (${newId()}, ${organizationId}, ${session === null ? "credits" : "session"}, ${plugin}, 1, ${session}, ${state}, ${ago(days)}, now(),
      ${state === "reserved" ? null : ago(days)})`;
  const session = (id: string, closedAt: Date | null) => sql`
    insert into wallet_sessions (id, organization_id, principal_id, wallet, deposit_micros, status, closed_at)
    values (${id}, ${organizationId}, 'p', ${id}, 1, ${closedAt === null ? "active" : "closed"}, ${closedAt})`;
  const challenge = (id: string, state: string, days: number, credential: string | null = "c") => sql`
    insert into payment_challenges (id, organization_id, plugin, amount_micros, body_digest, challenge, expires_at, touched_at, due_at, state, credential)
    values (${id}, ${organizationId}, 'agent', 1, 'd', '{}', ${ago(days)}, ${ago(days)}, now() + interval '1 hour', ${state}, ${credential})`;
  const payment = (id: string, days: number, invoice: string | null = null) => sql`
    insert into card_payments (payment_id, organization_id, purpose, invoice_id, created_at)
    values (${id}, ${organizationId}, ${invoice === null ? "credits" : "plan"}, ${invoice}, ${ago(days)})`;
  const dispute = (id: string, ended: boolean) => sql`
    insert into card_disputes (dispute_id, organization_id, payment_id, disputed_micros, ended) values (${`of ${id}`}, ${organizationId}, ${id}, 1, ${ended})`;
  const event = (id: string, days: number) => sql`
    insert into card_events (id, organization_id, payment_id, type, created_at, received_at) values (${id}, ${organizationId}, 'p', 't', now(), ${ago(days)})`;

  for (const id of ["closed", "sold in"]) await session(id, ago(100));
  await session("open", null);
  await purchase("old", "captured", 100);
  await purchase("let go", "released", 100);
  await purchase("young", "captured", 80, "sold in");
  await purchase("under way", "reserved", 100);
  for (const state of ["done", "refunded", "unknown", "verifying", "paid", "running", "refunding"]) await challenge(state, state, 100);
  await challenge("young", "done", 80);
  await challenge("offered", "open", 1, null);
  await challenge("shown", "open", 80);
  await challenge("never found", "open", 100);
  await challenge("fresh", "open", 0, null);
  await challenge("shown again", "open", 100);
  await sql`update payment_challenges set touched_at = now() where id = 'shown again'`;
  for (const id of ["settled", "disputed", "was disputed"]) await payment(id, 900);
  await payment("of a plan", 900, "in_1");
  await payment("recent", 700);
  await dispute("disputed", false);
  await dispute("was disputed", true);
  await event("evt_old", 100);
  await event("evt_young", 40);
  await world.database.billing.credit({
    organizationId,
    amountMicros: 5,
    sourceType: "card",
    sourceId: "evt_old",
    note: "",
  });

  const limits = { ...LIMITS, directCallsKeptDays: 0, responsesKeptDays: 0, itemConversationsKeptDays: 0 };
  for (let batches = 0; await sweep.store.forget(limits, 1); batches += 1) expect(batches).toBeLessThan(50);
  const names = async (table: string, column: string) =>
    (await sql<{ name: string }[]>`select ${sql(column)} as name from ${sql(table)} where organization_id = ${organizationId}`)
      .map(({ name }) => name)
      .sort();
  expect(await names("purchases", "plugin")).toEqual(["under way", "young"]);
  expect(await names("wallet_sessions", "id")).toEqual(["open", "sold in"]);
  const left = ["unknown", "verifying", "paid", "running", "refunding", "young", "shown", "fresh", "shown again"];
  expect(await names("payment_challenges", "id")).toEqual(left.sort());
  expect(await names("card_payments", "payment_id")).toEqual(["disputed", "of a plan", "recent"]);
  expect(await names("card_disputes", "payment_id")).toEqual(["disputed"]);
  expect(await names("card_events", "id")).toEqual(["evt_young"]);
  expect(await sql`select from ledger_entries where source_id = 'evt_old'`).toHaveLength(2);
  // 0: payments by card are kept for ever.
  await sql`update card_payments set created_at = now() - interval '10 years'`;
  await sweep.store.forget({ ...limits, cardPaymentsKeptDays: 0 }, 100);
  expect(await names("card_payments", "payment_id")).toEqual(["disputed", "of a plan", "recent"]);
});

test("each conversation is looked at once in a while, eldest first, whoever it belongs to", async () => {
  const ids = [await converse(["a"]), await converse(["b"]), await converse(["c"])];
  const [eldest = "", elder = "", young = ""] = ids;
  await world.sql.owner`update conversations set looked_at = now()`;
  await world.sql.owner`update conversations set looked_at = now() - interval '5 hours' where id = ${eldest}`;
  await world.sql.owner`update conversations set looked_at = now() - interval '4 hours' where id = ${elder}`;
  const take = async () => (await sweep.store.takeUnlooked({ hours: 3, conversationsMax: 1 })).map(({ conversationId }) => conversationId);
  expect([await take(), await take(), await take()]).toEqual([[eldest], [elder], []]);
  expect(await rowsOf(young)).toBeGreaterThan(0);
});

test("months long past are dropped where nothing is left in them, and coming ones are there", async () => {
  const { owner } = world.sql;
  const partitions = async () =>
    (await owner<{ name: string }[]>`select inhrelid::regclass::text as name from pg_inherits where inhparent = 'events'::regclass`).map(
      ({ name }) => name,
    );
  const now = await partitions();
  await owner`create table events_202001 partition of events for values from ('2020-01-01') to ('2020-02-01')`;
  await owner`create table events_202002 partition of events for values from ('2020-02-01') to ('2020-03-01')`;
  await owner`insert into events (organization_id, conversation_id, month, epoch, n, type, execution_id, data, at)
    values (${newId<string>()}, ${newId<string>()}, '2020-02-01', 1, 1, 'turn.created', ${newId<string>()}, '{}', now())`;
  await sweep.store.prepareMonths();
  expect((await partitions()).sort()).toEqual([...now, "events_202002"].sort());
  await owner`delete from events where month = '2020-02-01'`;
  await sweep.store.prepareMonths();
  expect((await partitions()).sort()).toEqual(now.sort());
});

test("the sweep's role sees neither what was said nor what was done", async () => {
  for (const column of ["payload", "step"]) {
    await expect(world.sql.sweep`select ${world.sql.sweep(column)} from journal limit 1`).rejects.toThrow("permission denied");
  }
  await expect(world.sql.sweep`select text from turns limit 1`).rejects.toThrow("permission denied");
  await expect(world.sql.sweep`delete from journal`).rejects.toThrow("permission denied");
});

test("a worker does all this by itself", async () => {
  const still = await openWorld({ started: false, limits: { conversationsKeptDays: 1 } });
  try {
    const { conversationId } = await submit(still, await still.agent(), "long ago", {
      mode: "queue",
      conversationId: newId(),
      invoke: true,
    });
    await still.gateway.clearQueue(still.caller, conversationId);
    await still.sql.owner`update executions set updated_at = now() - interval '2 days'`;
    await still.sql.owner`update conversations set looked_at = now() - interval '2 days'`;
    await still.startWorkers();
    const left = async () => (await still.sql.owner<{ rows: number }[]>`select count(*)::int as rows from conversations`)[0]?.rows;
    await expect.poll(left, { timeout: 10_000 }).toBe(0);
  } finally {
    await still.close();
  }
});
