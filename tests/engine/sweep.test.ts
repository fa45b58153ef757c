import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isEnd, logUntil, start, stateOf, submit } from "./testing/start.ts";

let world: World;
let orders: string[];
beforeAll(async () => {
  orders = [];
  world = await openWorld({
    workers: 3,
    doorQueue: {
      enqueue: async (name) => {
        orders.push(name);
      },
    },
  });
});
afterAll(() => world.close());

test("a kick that was lost is given again within a few seconds", async () => {
  const agent = await world.agent();
  world.model.script({ text: ["found"] });
  const startedAtMs = performance.now();
  const { events, submitted } = await start(world, agent, "hello");
  expect(orders).toContain("turn.run");
  const seen = await untilRest(events);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "found" } });
  expect(performance.now() - startedAtMs).toBeLessThan(10_000);
  expect(await stateOf(world, submitted.conversationId)).toMatchObject({ state: "idle" });
});

test("when Redis forgets every order, no accepted message is lost", async () => {
  const still = await openWorld({ started: false });
  try {
    const agent = await still.agent();
    const accepted = await Promise.all(Array.from({ length: 10 }, (_, index) => submit(still, agent, `m${index}`)));
    await expect.poll(() => still.forgetRedis()).toBeGreaterThan(10);
    await still.startWorkers();
    for (const { conversationId } of accepted) {
      expect((await logUntil(still, conversationId, isEnd)).at(-1)).toMatchObject({ type: "turn.completed" });
    }
  } finally {
    await still.close();
  }
});

test("of many workers one holds the sweep's office, and another has it soon after that one died", async () => {
  const holder = async () => {
    const [row] = await world.sql.owner<{ holder: string }[]>`select holder from elections where name = 'sweep' and until > now()`;
    return row?.holder;
  };
  await expect.poll(holder).toMatch(/-[012]$/);
  const first = await holder();
  const dead = world.workers[Number(first?.split("-").at(-1))];
  dead?.freeze();
  await expect.poll(async () => ![first, undefined].includes(await holder()), { timeout: 10_000 }).toBe(true);
  dead?.thaw();
});

test("each tick finds a lost conversation less often, so that a broken one does not fill the queues", async () => {
  const still = await openWorld({ started: false });
  try {
    const agent = await still.agent();
    const { conversationId } = await submit(still, agent, "hello");
    const { sql } = still;
    const foundAfter = async (seconds: number) => {
      await sql.owner`update conversations set ready_at = now() - make_interval(secs => ${seconds}) where id = ${conversationId}`;
      const [row] = await sql.sweep<{ found: { conversationId: string }[] }[]>`select find_ready(100, 100) as found`;
      const ids = row?.found.map((one) => one.conversationId) ?? [];
      await sql.sweep`select count_kicks(${ids}::uuid[])`;
      return ids.length;
    };
    expect(await foundAfter(1)).toBe(0);
    expect(await foundAfter(3)).toBe(1);
    expect(await foundAfter(3)).toBe(0);
    expect(await foundAfter(5)).toBe(1);
    expect(await foundAfter(7)).toBe(0);
    expect(await foundAfter(300)).toBe(1);
  } finally {
    await still.close();
  }
});

test("of each organization's ready conversations the oldest are found, however many another one has", async () => {
  const still = await openWorld({ started: false });
  try {
    const { caller, stranger, gateway, sql } = still;
    const agent = await still.agent();
    const theirs = await gateway.createAgent(stranger, { name: "Theirs", description: "", config: agent.config });
    for (let index = 0; index < 30; index += 1) await submit(still, agent, "hello");
    await gateway.submitMessage(stranger, still.input(theirs, "hello"), { route: "test" });
    await sql.owner`update conversations set ready_at = now() - interval '1 minute' + (row_number * interval '1 second')
      from (select id, row_number() over (order by id) from conversations) numbered where conversations.id = numbered.id`;
    const [row] = await sql.sweep<{ found: { organizationId: string; conversationId: string; readyAtMs: number; isChild: boolean }[] }[]>`
      select find_ready(5, 100) as found`;
    const found = row?.found ?? [];
    expect(found.map((one) => one.organizationId)).toEqual([
      ...Array.from({ length: 5 }, () => caller.organizationId),
      stranger.organizationId,
    ]);
    const oldest = await sql.owner<{ id: string }[]>`
      select id from conversations where organization_id = ${caller.organizationId} order by ready_at limit 5`;
    expect(found.slice(0, 5).map((one) => one.conversationId)).toEqual(oldest.map(({ id }) => id));
  } finally {
    await still.close();
  }
});

test("two sweeps at once never find the same conversation", async () => {
  const still = await openWorld({ started: false });
  try {
    const agent = await still.agent();
    await Promise.all(Array.from({ length: 40 }, () => submit(still, agent, "hello", { mode: "queue" })));
    await still.sql.owner`update conversations set due_at = now() - interval '40 seconds', kicks = 5`;
    const found = await Promise.all(
      Array.from({ length: 4 }, () => still.sql.sweep<{ found: { conversationId: string }[] }[]>`select take_repairs(true, 15) as found`),
    );
    const ids = found.flatMap(([row]) => row?.found.map((one) => one.conversationId) ?? []);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  } finally {
    await still.close();
  }
});

test("the partitions of this month and the next two are there, and are made again where they are missing", async () => {
  const names = async () => {
    const rows = await world.sql.owner<{ name: string }[]>`
      select relname as name from pg_class where relispartition and relkind = 'r' and relname ~ '^(events|usage_records)_\\d{6}$' order by 1`;
    return rows.map((row) => row.name);
  };
  const [months] = await world.sql.owner<{ suffixes: string[] }[]>`
    select array_agg(to_char(now() at time zone 'utc' + make_interval(months => i), 'YYYYMM') order by i) as suffixes from generate_series(0, 2) i`;
  const expected = ["events", "usage_records"].flatMap((table) => (months?.suffixes ?? []).map((suffix) => `${table}_${suffix}`));
  expect(await names()).toEqual(expected);
  await world.sql.owner.unsafe(`drop table ${expected[2]}`);
  await world.sql.sweep`select ensure_partitions()`;
  expect(await names()).toEqual(expected);
});

test("idempotency keys past their age are forgotten, younger ones are not", async () => {
  const agent = await world.agent();
  await submit(world, agent, "old", { idempotencyKey: "old" });
  await submit(world, agent, "young", { idempotencyKey: "young" });
  await world.sql.owner`update idempotency_keys set created_at = now() - interval '25 hours' where key = 'old'`;
  await world.sql.sweep`select forget_idempotency_keys('24 hours', 100)`;
  expect(await world.sql.owner`select key from idempotency_keys`).toEqual([{ key: "young" }]);
});
