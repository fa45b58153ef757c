import { randomUUID } from "node:crypto";
import { LIMITS } from "@parley/contracts";
import { openDatabase, openSweepStore } from "@parley/db";
import type { DirectCallRecord, KeptNote, UsageLine } from "@parley/domain";
import { type FreshDatabase, freshDatabase } from "@parley/testkit";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

const BOUNDS = { rowsMax: 100, callKeptMs: 600_000 };

let fresh: FreshDatabase;
let database: ReturnType<typeof openDatabase>;
let sweep: ReturnType<typeof openSweepStore>;
let owner: postgres.Sql;
beforeAll(async () => {
  fresh = await freshDatabase();
  const shared = { prepare: true, applicationName: "test" };
  database = openDatabase({ ...shared, url: fresh.url, pool: 4 });
  sweep = openSweepStore({ ...shared, url: fresh.sweepUrl });
  owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
});
afterAll(async () => {
  await Promise.all([database.close(), sweep.close(), owner.end()]);
  await fresh.drop();
});

let organizationId: string;
beforeEach(async () => {
  organizationId = randomUUID();
  await database.organizations.create({ id: organizationId, name: "used" });
});

const USED = { cachedTokens: 0, reasoningTokens: 0, estimated: true };

/** One that has said so much of its answer. */
function record(outputTokens: number, more: Partial<DirectCallRecord> = {}): DirectCallRecord {
  const id = more.id ?? randomUUID();
  return {
    ...{
      id,
      callId: id,
      part: 0,
      organizationId,
      principalId: "key",
      userId: null,
      route: "openai.chat",
      model: "local/chat",
      outcome: "lost",
      tries: 1,
    },
    ...{ ...USED, inputTokens: 0, outputTokens, modelCalls: 1, latencyMs: 1, requestId: "r", at: new Date().toISOString() },
    ...more,
  };
}
const noteOf = (call: DirectCallRecord): KeptNote => ({ id: call.callId, organizationId, note: { kind: "call", call } });

function line(outputTokens: number, turnId: string = randomUUID()): UsageLine {
  return { ...{ turnId, executionId: turnId, attempt: 1, step: 0, try: 0, model: "local/chat", inputTokens: 0, outputTokens }, ...USED };
}
const besideOf = (lines: UsageLine[]): KeptNote => ({
  ...{ id: randomUUID(), organizationId },
  note: { kind: "beside", conversationId: randomUUID(), lines },
});

/** Noted by a process that is lost by now. */
async function lose(notes: KeptNote[]): Promise<void> {
  const id = randomUUID();
  await database.usageNotes.keep({ id, isNew: true, aliveMs: 60_000 }, { notes, ended: [] });
  await owner`update usage_keepers set lost = true where id = ${id}`;
}

const post = () => database.billing.post([organizationId], BOUNDS);
const charged = async () =>
  (
    await owner<{ tokens: number }[]>`select output_tokens::int as tokens from charges where organization_id = ${organizationId} order by 1`
  ).map(({ tokens }) => tokens);
const isFound = async () => (await sweep.store.findUnposted(1_000)).includes(organizationId);

test("a note that cannot be recorded is set aside and told, the others are charged, and it is once it can be", async () => {
  const bad = record(2, { model: null as never });
  const worse = besideOf([line("many" as never)]);
  await lose([noteOf(record(1)), noteOf(bad), worse, besideOf([line(4)])]);
  await post();
  expect(await charged()).toEqual([1, 4]);
  expect(await isFound()).toBe(true);
  const { setAside } = await post();
  expect(setAside.map(({ id }) => id).sort()).toEqual([bad.id, worse.id].sort());
  // It is looked at again later, and not at once.
  expect(await isFound()).toBe(false);
  expect(await post()).toMatchObject({ posted: 0, setAside: [] });
  const { ok, problems } = await database.billing.check(organizationId);
  expect([ok, problems.length]).toEqual([false, 2]);
  expect(problems.join()).toContain(`Usage ${bad.id} (call) cannot be recorded and is set aside: 23502 null value`);

  await owner`update usage_set_aside set due_at = now(), said = said || '{"model": "local/chat"}' where id = ${bad.id}`;
  await owner`update usage_set_aside set due_at = now(), said = jsonb_set(said, '{lines,0,outputTokens}', '8') where id = ${worse.id}`;
  expect(await isFound()).toBe(true);
  await post();
  expect(await charged()).toEqual([1, 2, 4, 8]);
  expect(await database.billing.check(organizationId)).toMatchObject({ ok: true });
});

test("a record that cannot be kept is set aside, and the others of its write are kept", async () => {
  const records = [record(1), record(2, { inputTokens: 1e30 }), record(4)];
  await database.directCalls.append(records);
  await database.directCalls.append(records);
  await post();
  expect(await charged()).toEqual([1, 4]);
  expect((await post()).setAside).toEqual([]);
  const rows = await owner`select id, kind from usage_set_aside where organization_id = ${organizationId}`;
  expect(rows).toEqual([{ id: records[1]?.id, kind: "call" }]);
});

test("a turn is taken over although what its lost attempt has noted cannot be recorded", async () => {
  const turnId = randomUUID();
  const note = { kind: "turn" as const, conversationId: randomUUID(), lines: [line(1, turnId), line("many" as never, turnId)] };
  await lose([{ id: randomUUID(), organizationId, note }]);
  const taken = { id: note.conversationId, organization_id: organizationId, turn_id: turnId };
  const app = postgres(fresh.url, { max: 1, onnotice: () => undefined });
  try {
    await app.begin(async (sql) => {
      await sql`select set_config('parley.organizations', ${`{${organizationId}}`}, true)`;
      await sql`select record_lost_usage(jsonb_populate_record(null::conversations, ${JSON.stringify(taken)}::text::jsonb), 1)`;
    });
  } finally {
    await app.end();
  }
  expect((await post()).setAside).toMatchObject([{ kind: "turn", trouble: expect.stringContaining("22P02") }]);
  expect(await owner`select from usage_notes where organization_id = ${organizationId}`).toHaveLength(0);
});

test("what is charged is not charged again where a report comes when its conversation is gone, and nothing is in the way of the next", async () => {
  const late = line(1);
  const [conversationId] = [randomUUID()];
  await database.usage.recordBeside({ organizationId, conversationId }, [late]);
  await owner`update usage_records set month = '2020-01-01' where organization_id = ${organizationId}`;
  expect(await post()).toMatchObject({ posted: 1 });
  await database.usage.recordBeside({ organizationId, conversationId }, [late, line(2)]);
  expect(await post()).toMatchObject({ posted: 1 });
  expect(await charged()).toEqual([1, 2]);
  expect(await database.billing.check(organizationId)).toMatchObject({ ok: true });
});

/** Money that a call had set aside when its process was lost. */
const hold = (id: string) =>
  database.billing.grow({ organizationId, id, kind: "call", principalId: "key", agentId: null, userId: null }, { firmMicros: 1 });

test("a model that broke off before another was asked is charged once, where its note was never renewed, and nothing stays held", async () => {
  const callId = randomUUID();
  await hold(callId);
  await database.directCalls.append([record(1, { callId, outcome: "cut" })]);
  await lose([noteOf(record(1, { id: callId, callId }))]);
  const held = () => owner`select id from holds where organization_id = ${organizationId}`;
  expect(await held()).toEqual([{ id: callId }]);
  expect(await post()).toMatchObject({ posted: 1 });
  expect(await held()).toEqual([]);
  expect(await charged()).toEqual([1]);
});

test("each model of a call is charged once where its process was thought lost within one of them and went on", async () => {
  const id = randomUUID();
  const own = record(1, { callId: id, outcome: "cut" });
  const last = record(2, { id, callId: id, part: 1, outcome: "answered" });
  await lose([noteOf(record(1, { id, callId: id }))]);
  await post();
  // Its note under another name, as it goes on, and its reports, of which the answer to the first is lost.
  await database.directCalls.append([own, last]);
  await database.directCalls.append([own, last]);
  await lose([noteOf(last)]);
  await post();
  expect(await charged()).toEqual([1, 2]);
});

test("a sold call whose money cannot be let go, and a session that cannot be closed, are put off and told: no other waits behind them", async () => {
  const ids = { session: `ses_${organizationId}`, wrong: `ses_wrong_${organizationId}`, purchase: randomUUID() };
  const old = new Date(Date.now() - 7_200_000);
  await owner`insert into wallet_sessions (id, organization_id, principal_id, wallet, deposit_micros, due_at, used_at) values
    (${ids.session}, ${organizationId}, 'key', 'w1', 5, now() + interval '1 day', now()), (${ids.wrong}, ${organizationId}, 'key', 'w2', 5, ${old}, ${old})`;
  // Nothing of it is set aside in its session.
  await owner`insert into purchases (id, organization_id, method, session_id, plugin, amount_micros, state, touched_at)
    values (${ids.purchase}, ${organizationId}, 'session', ${ids.session}, 'work', 1, 'reserved', ${old})`;
  // Another amount was given back of it before.
  await owner`select transfer(${organizationId}, 'session', ${`${ids.wrong}/close`}, 'sessions', 'customer', 3, '')`;
  const due = async () => {
    const found = await sweep.store.findSettlements({ leftMs: 3_600_000, quietMs: 45_000, rowsMax: 10 });
    return found.filter((one) => one.organizationId === organizationId).map(({ id }) => id);
  };
  expect(await due()).toEqual([ids.purchase, ids.wrong]);
  const { payments } = database;
  expect(await payments.releaseLeft({ organizationId, id: ids.purchase, quietMs: 3_600_000 })).toEqual({
    trouble: expect.stringContaining("23514"),
  });
  expect(await payments.expireSession({ organizationId, id: ids.wrong, idleMs: 3_600_000 })).toEqual({
    trouble: expect.stringContaining("idempotency_mismatch"),
  });
  expect(await due()).toEqual([]);
});

test("whatever cannot be removed of what is past its time, the rest is", async () => {
  const id = randomUUID();
  await owner`insert into payment_challenges (id, organization_id, plugin, amount_micros, body_digest, challenge, expires_at)
    values (${id}, ${organizationId}, 'work', 1, 'd', '{}', now() - interval '1 day')`;
  await owner`alter function forget_journal(interval, int) rename to forget_journal_not`;
  try {
    await expect(sweep.store.forget(LIMITS, 100)).rejects.toMatchObject({ code: "internal" });
  } finally {
    await owner`alter function forget_journal_not(interval, int) rename to forget_journal`;
  }
  expect(await owner`select from payment_challenges where id = ${id}`).toHaveLength(0);
  expect(await sweep.store.forget(LIMITS, 100)).toBe(false);
});
