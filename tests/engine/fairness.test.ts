import type { Agent, LogEvent } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { collectUntil, openWorld, type World, type WorldOptions } from "@parley/testkit";
import { afterEach, expect, test } from "vitest";
import { isEnd, staying } from "./testing/start.ts";

interface Side {
  caller: Caller;
  agent: Agent;
}

let world: World;
let crowd: Side;
let quiet: Side;

async function open(options: WorldOptions): Promise<void> {
  world = await openWorld(options);
  const agent = await world.agent();
  const other = await world.gateway.createAgent(world.stranger, { name: "Quiet", description: "", config: agent.config });
  crowd = { caller: world.caller, agent };
  quiet = { caller: world.stranger, agent: other };
}

afterEach(() => world.close());

const submit = ({ caller, agent }: Side) => world.gateway.submitMessage(caller, world.input(agent, "hello"), { route: "test" });
const submitMany = (side: Side, count: number) => Promise.all(Array.from({ length: count }, () => submit(side)));

/** A turn from its message to its end, as its caller sees it. */
async function runTurn({ caller, agent }: Side): Promise<LogEvent | undefined> {
  const { events } = await world.gateway.submitAndFollow(caller, world.input(agent, "hello"), { route: "test", signal: staying() });
  return (await collectUntil(events, isEnd)).at(-1);
}

async function turnsOf({ caller }: Side, status: string): Promise<number> {
  const [row] = await world.sql.owner<{ count: number }[]>`
    select count(*)::int as count from turns where organization_id = ${caller.organizationId} and status = ${status}`;
  return row?.count ?? 0;
}
const ended = (side: Side) => turnsOf(side, "completed");
const untilEnded = (side: Side, count: number) => expect.poll(() => ended(side), { timeout: 40_000 }).toBeGreaterThanOrEqual(count);

test("turns of one organization overtake another one's backlog, and all of the backlog ends", async () => {
  await open({ concurrency: 10 });
  world.model.otherwise({ tokens: 3, firstDelayMs: 40 });
  await submitMany(crowd, 300);
  for (let turn = 0; turn < 5; turn += 1) expect(await runTurn(quiet)).toMatchObject({ type: "turn.completed" });
  expect(await ended(crowd)).toBeLessThan(200);
  await untilEnded(crowd, 300);
  expect(world.model.journal).toHaveLength(305);
});

test("two organizations with a backlog each get on side by side, whoever came first", async () => {
  await open({ concurrency: 10 });
  world.model.otherwise({ tokens: 3, firstDelayMs: 20 });
  await submitMany(crowd, 150);
  await submitMany(quiet, 100);
  await untilEnded(quiet, 100);
  expect(await ended(crowd)).toBeLessThan(150);
  await untilEnded(crowd, 150);
});

test("an organization with four times the weight gets on far faster than one that came before it", async () => {
  await open({ concurrency: 20, started: false });
  world.model.otherwise({ tokens: 3, firstDelayMs: 300 });
  await world.sql.owner`update organizations set weight = 4 where id = ${quiet.caller.organizationId}`;
  await submitMany(crowd, 150);
  await submitMany(quiet, 150);
  await world.startWorkers();
  await untilEnded(quiet, 150);
  expect(await ended(crowd)).toBeLessThan(110);
  await untilEnded(crowd, 150);
});

test("a backlog whose line Redis forgets in the middle goes on, is run once, and still holds up nobody", async () => {
  await open({ concurrency: 10 });
  world.model.otherwise({ tokens: 3, firstDelayMs: 40 });
  await submitMany(crowd, 200);
  await untilEnded(crowd, 30);
  expect(await world.forgetRedis()).toBeGreaterThan(0);
  expect(await runTurn(quiet)).toMatchObject({ type: "turn.completed" });
  expect(await ended(crowd)).toBeLessThan(200);
  await untilEnded(crowd, 200);
  expect(world.model.journal).toHaveLength(201);
});

test("a backlog goes on though a worker dies with its share in its hands, and each turn ends once", async () => {
  await open({ workers: 2, concurrency: 10, leaseMs: 1_000 });
  world.model.otherwise({ tokens: 3, firstDelayMs: 100 });
  await submitMany(crowd, 120);
  await untilEnded(crowd, 10);
  world.workers[0]?.freeze();
  await untilEnded(crowd, 120);
  const [row] = await world.sql.owner<{ count: number }[]>`
    select count(*)::int as count from events where type in ('turn.completed', 'turn.failed', 'turn.stopped')`;
  expect(row?.count).toBe(120);
});

test("what merely waits for its share is not kicked again, and a lost kick behind it is found all the same", async () => {
  await open({ concurrency: 5 });
  world.model.otherwise({ hang: true });
  await submitMany(crowd, 50);
  await expect.poll(() => turnsOf(crowd, "running")).toBe(4);
  await world.sql.owner`update conversations set ready_at = now() - interval '1 minute' where state = 'ready'`;
  const { turnId } = await submit(quiet);
  await expect.poll(() => turnsOf(quiet, "running")).toBe(1);
  // As if its worker had given it back, and the kick had not arrived.
  await world.sql
    .owner`update conversations set state = 'ready', ready_at = now() - interval '1 minute', lease_owner = null, lease_until = null
    where organization_id = ${quiet.caller.organizationId}`;
  // Found by the sweep alone, which has looked at all of the backlog for that.
  const attempts = async () => (await world.sql.owner`select attempt from turns where id = ${turnId}`)[0]?.attempt;
  await expect.poll(attempts, { timeout: 20_000 }).toBe(2);
  expect(await turnsOf(crowd, "running")).toBe(4);
  expect(await world.sql.owner`select distinct kicks from conversations where state = 'ready'`).toEqual([{ kicks: 0 }]);
});
