import { randomUUID } from "node:crypto";
import { openDatabase } from "@parley/db";
import type { DirectCallRecord, KeptNote } from "@parley/domain";
import { type FreshDatabase, freshDatabase } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const BOUNDS = { rowsMax: 100, callKeptMs: 600_000 };

let fresh: FreshDatabase;
let database: ReturnType<typeof openDatabase>;
let owner: postgres.Sql;
beforeAll(async () => {
  fresh = await freshDatabase();
  database = openDatabase({ prepare: true, applicationName: "test", url: fresh.url, pool: 4 });
  owner = postgres(fresh.ownerUrl, { max: 2, onnotice: () => undefined });
});
afterAll(async () => {
  await Promise.all([database.close(), owner.end()]);
  await fresh.drop();
});

let [a, b, c] = ["", "", ""];
beforeEach(async () => {
  [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of [a, b, c]) await database.organizations.create({ id, name: "used" });
});

/** One of the same key and user in whatever organization: `local/chat` costs 0.4 micro-units a token. */
function record(organizationId: string, outputTokens: number, more: Partial<DirectCallRecord> = {}): DirectCallRecord {
  const id = randomUUID();
  return {
    ...{ id, callId: id, part: 0, organizationId, principalId: "key", userId: "anna", route: "openai.chat", model: "local/chat" },
    ...{ outcome: "answered", tries: 1, modelCalls: 1, latencyMs: 1, requestId: "r", at: new Date().toISOString() },
    ...{ inputTokens: 0, outputTokens, cachedTokens: 0, reasoningTokens: 0, estimated: false },
    ...more,
  };
}
const use = (...records: DirectCallRecord[]) => database.directCalls.append(records);
const post = (...organizationIds: string[]) => database.billing.post(organizationIds, BOUNDS);
const charged = async (organizationId: string) =>
  (
    await owner<{ micros: number }[]>`select amount_micros::int as micros from charges where organization_id = ${organizationId} order by 1`
  ).map(({ micros }) => micros);
/** Those that wait for a lock. */
const waiting = async () =>
  (await owner`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`).length;
const peerUsed = (organizationId: string, conversationId: string, turnId: string, ids: string[]) =>
  owner`insert into peer_usage (execution_id, organization_id, conversation_id, turn_id, peer_ref, name)
    select id, ${organizationId}, ${conversationId}, ${turnId}, 'jester', 'Jester' from unnest(${ids}::uuid[]) id`;
/** A turn that has ended, which had so many steps and called a peer as often, and holds money of its organization's budget. */
async function turnOf(organizationId: string, outputTokens: number, count = 1) {
  const [agentId, conversationId, turnId] = [randomUUID(), randomUUID(), randomUUID()];
  await owner`insert into conversations (id, organization_id, agent_id, month) values (${conversationId}, ${organizationId}, ${agentId}, '2026-01-01')`;
  await owner`insert into turns (id, organization_id, conversation_id, number, message_id, agent_version, status, text, files, options)
    values (${turnId}, ${organizationId}, ${conversationId}, 1, ${randomUUID()}, 1, 'running', '', '[]', '{}')`;
  const budget = { id: randomUUID(), scope: "organization" as const, subject: "", period: "total" as const };
  await database.billing.setBudget(organizationId, { ...budget, limitMicros: 100_000, alertPercent: 100, hard: true }, 10);
  await database.billing.grow({ organizationId, id: turnId, kind: "turn", principalId: "key", agentId, userId: null }, { firmMicros: 50 });
  await owner`insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
      input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated)
    select ${organizationId}, ${conversationId}, '2026-01-01', ${turnId}, ${conversationId}, 1, step, 0, 'local/chat', 0, ${outputTokens}, 0, 0, false
    from generate_series(1, ${count}) step`;
  await peerUsed(
    organizationId,
    conversationId,
    turnId,
    Array.from({ length: count }, () => randomUUID()),
  );
  await owner`update turns set status = 'completed', finished_at = now() where id = ${turnId}`;
  return { agentId, conversationId, turnId };
}
const isInOrder = async (...organizationIds: string[]) => {
  for (const id of organizationIds) expect(await database.billing.check(id)).toMatchObject({ ok: true, problems: [] });
};

test("organizations that are charged together are charged at their own prices, into their own books, budgets and alerts", async () => {
  await owner`insert into prices (organization_id, kind, name, input_pico, output_pico, effective_from) values
    (${a}, 'model', 'local/chat', 0, 1000000, '2020-01-01'), (${b}, 'model', 'local/chat', 0, 2000000, '2020-01-01'), (${b}, 'model', 'local/chat', 0, 3000000, '2025-01-01')`;
  for (const organizationId of [a, b]) {
    for (const [scope, subject] of [
      ["organization", ""],
      ["key", "key"],
      ["user", "anna"],
    ] as const) {
      const budget = { id: randomUUID(), scope, subject, period: "total" as const, limitMicros: 50, alertPercent: 100, hard: false };
      await database.billing.setBudget(organizationId, budget, 10);
    }
  }
  await use(record(a, 10), record(b, 10), record(c, 10), record(a, 20), record(b, 10, { at: "2024-06-01T00:00:00Z" }));
  expect(await post(a, b, c)).toEqual({ posted: 5, more: null, setAside: [] });
  expect([await charged(a), await charged(b), await charged(c)]).toEqual([[10, 20], [20, 30], [4]]);
  const entries = await owner`select organization_id as id, account, amount_micros::int as micros from ledger_entries
    where organization_id = any(${[a, b, c]}::uuid[]) order by array_position(${[a, b, c]}::uuid[], organization_id), account`;
  expect(entries.map(({ id, account, micros }) => [id, account, micros])).toEqual([
    ...[
      [a, "customer", -30],
      [a, "revenue", 30],
    ],
    ...[
      [b, "customer", -50],
      [b, "revenue", 50],
    ],
    ...[
      [c, "customer", -4],
      [c, "revenue", 4],
    ],
  ]);
  const spent = async (id: string) =>
    (
      await owner`select spent_micros::int as micros, reached_at is not null as reached from budget_periods where organization_id = ${id}`
    ).map(({ micros, reached }) => [micros, reached]);
  expect(await spent(a)).toEqual([
    [30, false],
    [30, false],
    [30, false],
  ]);
  expect(await spent(b)).toEqual([
    [50, true],
    [50, true],
    [50, true],
  ]);
  const transactions = await owner`select distinct transaction_id from charges where organization_id = any(${[a, b, c]}::uuid[])`;
  expect(transactions).toHaveLength(3);
  await isInOrder(a, b, c);
});

test("holds are let go of what is over, in each of them, and stay of what is not", async () => {
  const over = [record(a, 1), record(b, 1)];
  const underWay = { organizationId: b, id: randomUUID() };
  const whose = { kind: "call" as const, principalId: "key", agentId: null, userId: null };
  for (const key of [...over.map(({ organizationId, id }) => ({ organizationId, id })), underWay]) {
    await database.billing.grow({ ...key, ...whose }, { firmMicros: 3 });
  }
  await use(...over);
  await post(a, b, c);
  expect(await owner`select organization_id, id from holds where organization_id = any(${[a, b, c]}::uuid[])`).toEqual([
    { organization_id: underWay.organizationId, id: underWay.id },
  ]);
  await isInOrder(a, b, c);
});

test("what lost processes have noted is recorded for whom it was used, and what cannot be is told with whose it is", async () => {
  const noteOf = (call: DirectCallRecord): KeptNote => ({
    id: call.callId,
    organizationId: call.organizationId,
    note: { kind: "call", call },
  });
  const bad = record(b, 1, { model: null as never });
  const notes = [record(a, 10), bad, record(b, 20), record(c, 30)].map(noteOf);
  const id = randomUUID();
  await database.usageNotes.keep({ id, isNew: true, aliveMs: 60_000 }, { notes, ended: [] });
  await owner`update usage_keepers set lost = true where id = ${id}`;
  expect(await post(a, b, c)).toMatchObject({ posted: 3 });
  expect([await charged(a), await charged(b), await charged(c)]).toEqual([[4], [8], [12]]);
  const { setAside } = await post(a, b, c);
  expect(setAside).toMatchObject([{ organizationId: b, id: bad.id, kind: "call" }]);
  await isInOrder(a, c);
});

test("one that is being charged by somebody else is left to them, and who is not named is not charged", async () => {
  await use(record(a, 10), record(b, 10), record(c, 10));
  await owner.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock(4766, hashtext(${b}))`;
    expect(await post(a, b)).toMatchObject({ posted: 1 });
  });
  expect([await charged(a), await charged(b), await charged(c)]).toEqual([[4], [], []]);
  expect(await post(a, b, b)).toMatchObject({ posted: 1 });
  expect([await charged(a), await charged(b), await charged(c)]).toEqual([[4], [4], []]);
  await isInOrder(a, b);
});

test("where one of them cannot be charged, none is: the others can be by themselves", async () => {
  await use(record(a, 10), record(b, 9e18, { model: "dear" }), record(c, 10));
  await expect(post(a, b, c)).rejects.toMatchObject({ code: "internal" });
  expect([await charged(a), await charged(b), await charged(c)]).toEqual([[], [], []]);
  await expect(post(b)).rejects.toMatchObject({ code: "internal" });
  expect(await post(a, c)).toMatchObject({ posted: 2 });
  await isInOrder(a, b, c);
});

test("nobody's lines keep those of another one out, and who has more is named", async () => {
  await use(...Array.from({ length: 9 }, () => record(a, 10)), record(b, 10));
  expect(await database.billing.post([a, b], { ...BOUNDS, rowsMax: 6 })).toMatchObject({ posted: 4, more: [a] });
  expect(await charged(b)).toEqual([4]);
  expect(await database.billing.post([a], { ...BOUNDS, rowsMax: 6 })).toMatchObject({ posted: 6, more: [a] });
  expect(await database.billing.post([a], { ...BOUNDS, rowsMax: 6 })).toMatchObject({ posted: 0, more: null });
});

test("whoever is locked by somebody is soon in no other's way", async () => {
  await use(record(a, 10), record(b, 10));
  await post(b);
  await use(record(b, 20));
  await owner.begin(async (sql) => {
    await sql`select from ledger_balances where organization_id = ${b} for update`;
    const together = expect(post(a, b)).rejects.toMatchObject({ code: "storage_unavailable" });
    await expect.poll(waiting).toBe(1);
    // Whose books somebody is at is left out: once the others are let go of, `a` is charged.
    await expect.poll(async () => (await post(a)).posted, { timeout: 5_000 }).toBe(1);
    await together;
  });
  expect(await post(a, b)).toMatchObject({ posted: 1 });
  expect([await charged(a), await charged(b)]).toEqual([[4], [4, 8]]);
  await isInOrder(a, b);
});

test("what turns, peers and agents have used costs each its own prices, and gives back what each held of its own budget", async () => {
  const turns = [await turnOf(a, 10), await turnOf(b, 10)] as const;
  const prices: [string, string, string, number][] = [
    [a, "model", "local/chat", 1],
    [b, "model", "local/chat", 2],
    [a, "peer", "Jester", 100],
    [b, "peer", "Jester", 200],
    [a, "agent", turns[0].agentId, 1_000],
  ];
  for (const [organizationId, kind, name, micros] of prices) {
    await owner`insert into prices (organization_id, kind, name, input_pico, output_pico, unit_pico, effective_from)
      values (${organizationId}, ${kind}, ${name}, 0, ${kind === "model" ? micros * 1e6 : 0}, ${kind === "model" ? 0 : micros * 1e6}, '2020-01-01')`;
  }
  // What a peer may still take up is nobody's else, whatever turn it names.
  const undecided = randomUUID();
  await owner`insert into peer_calls (id, organization_id, conversation_id, turn_id, peer_ref, target, input, state)
    values (${undecided}, ${b}, ${turns[1].conversationId}, ${turns[0].turnId}, 'jester', '{}', '{}', 'sending')`;
  await peerUsed(b, turns[1].conversationId, turns[0].turnId, [undecided]);
  expect(await post(a, b)).toMatchObject({ posted: 5 });
  expect([await charged(a), await charged(b)]).toEqual([
    [10, 100, 1_000],
    [20, 200],
  ]);
  const budgets = await owner`select organization_id as id, spent_micros::int as spent, held_micros::int as held from budget_periods
    where organization_id in (${a}, ${b}) order by spent_micros desc`;
  expect(budgets).toEqual([
    { id: a, spent: 1_110, held: 0 },
    { id: b, spent: 220, held: 0 },
  ]);
  expect(await owner`select from holds where organization_id in (${a}, ${b})`).toHaveLength(0);
  await isInOrder(a, b);
});

test("each has its share of a posting, of every kind of use", async () => {
  for (const [organizationId, count] of [
    [a, 5],
    [b, 1],
  ] as const) {
    await turnOf(organizationId, 10, count);
    await use(...Array.from({ length: count }, () => record(organizationId, 10)));
  }
  expect(await database.billing.post([a, b], { ...BOUNDS, rowsMax: 2 })).toMatchObject({ posted: 6 });
  const kindsOf = (id: string) => owner`select source_type as kind from charges where organization_id = ${id} order by 1`;
  for (const id of [a, b]) expect(await kindsOf(id)).toEqual([{ kind: "direct" }, { kind: "peer" }, { kind: "turn" }]);
});

test("the budgets of what is charged and of what is held are locked in one order, and so in nobody's way", async () => {
  const budgetId = randomUUID();
  const budget = { id: budgetId, scope: "organization" as const, subject: "", period: "day" as const };
  await database.billing.setBudget(a, { ...budget, limitMicros: 1_000, alertPercent: 100, hard: true }, 10);
  const call = record(a, 10, { at: "2024-06-02T12:00:00Z" });
  await database.billing.grow(
    { organizationId: a, id: call.id, kind: "call", principalId: "key", agentId: null, userId: null },
    { firmMicros: 3 },
  );
  await owner`update budget_periods set starts_on = '2024-06-01' where budget_id = ${budgetId}`;
  await owner`insert into budget_periods (organization_id, budget_id, starts_on) values (${a}, ${budgetId}, '2024-06-02')`;
  await owner`update holds set counters = jsonb_set(counters, '{0,startsOn}', '"2024-06-01"') where id = ${call.id}`;
  await use(call);
  const posting = await owner.begin(async (sql) => {
    await sql`select from budget_periods where budget_id = ${budgetId} and starts_on = '2024-06-01' for update`;
    const answer = post(a);
    await expect.poll(waiting).toBe(1);
    await owner`select from budget_periods where budget_id = ${budgetId} and starts_on = '2024-06-02' for update nowait`;
    return { answer };
  });
  expect(await posting.answer).toMatchObject({ posted: 1 });
  await isInOrder(a);
});

test("charged in groups that overlap, by many at once, each call is charged once", async () => {
  const organizationIds = await Promise.all(
    Array.from({ length: 9 }, async () => {
      const id = randomUUID();
      await database.organizations.create({ id, name: "used" });
      return id;
    }),
  );
  for (let round = 0; round < 5; round++) {
    await use(...organizationIds.flatMap((id) => [record(id, 10), record(id, 20)]));
    const groups = organizationIds.map((_, index) => [0, 2, 5].map((step) => organizationIds[(index + step) % 9] ?? ""));
    await Promise.all(groups.map((group) => post(...group)));
  }
  for (let left = 1; left > 0; )
    left = (await Promise.all(organizationIds.map((id) => post(id)))).reduce((sum, { posted }) => sum + posted, 0);
  for (const id of organizationIds) expect(await charged(id)).toEqual([4, 4, 4, 4, 4, 8, 8, 8, 8, 8]);
  await isInOrder(...organizationIds);
});
