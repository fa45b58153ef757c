import { newId } from "@parley/contracts";
import { openSweepStore } from "@parley/db";
import { readResponseRequest } from "@parley/domain";
import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let world: World;
let sweep: ReturnType<typeof openSweepStore>;
beforeAll(async () => {
  // Nobody runs or sweeps here but the tests.
  world = await openWorld({ started: false });
  const { host, port, database, user, pass } = world.sql.sweep.options;
  sweep = openSweepStore({ url: `postgres://${user}:${pass}@${host[0]}:${port[0]}/${database}`, prepare: true, applicationName: "test" });
});
afterAll(() => Promise.all([world.close(), sweep.close()]));

async function begin(more: object = {}): Promise<string> {
  const request = readResponseRequest({ model: "test/scripted", input: "x", background: true, ...more });
  return (await world.responses.start(world.caller, request, { requestId: newId<string>(), once: undefined })).uuid;
}
const claim = (responseId: string, leaseMs: number, force = false) =>
  world.database.responses.claim({ organizationId: world.caller.organizationId, responseId }, { leaseMs, force, kept: 2 });
const later = () => world.sql.owner`update responses set look_at = now() - interval '1 second' where look_at is not null`;
const taken = async (takeovers: boolean) => {
  await later();
  return (await sweep.store.takeResponses({ takeovers, rowsMax: 100 })).map(({ responseId, epoch }) => ({ responseId, epoch }));
};

test("the sweep finds what no worker has, and takes over only where it may", async () => {
  const [waiting, held, dead] = [await begin(), await begin(), await begin()];
  await claim(held, 60_000);
  await claim(dead, 0);
  expect(await taken(false)).toEqual([{ responseId: waiting, epoch: 0 }]);
  const found = await taken(true);
  expect(found).toHaveLength(2);
  expect(found).toEqual(
    expect.arrayContaining([
      { responseId: waiting, epoch: 0 },
      { responseId: dead, epoch: 1 },
    ]),
  );
  await world.sql.owner`delete from responses`;
});

test("an attempt that was given back does not count, is found at once, and cannot be given back by another", async () => {
  const key = { organizationId: world.caller.organizationId, responseId: await begin() };
  await claim(key.responseId, 60_000);
  await world.database.responses.giveBack(key, 7);
  expect(await claim(key.responseId, 60_000)).toEqual({ state: "busy" });
  await world.database.responses.giveBack(key, 1);
  expect(await taken(true)).toEqual([{ responseId: key.responseId, epoch: 1 }]);
  expect(await claim(key.responseId, 60_000)).toMatchObject({ state: "claimed", attempts: 1, epoch: 2 });
  await world.sql.owner`delete from responses`;
});

test("a write whose outcome nobody knew is made again without a hole or a double", async () => {
  const key = { organizationId: world.caller.organizationId, responseId: await begin() };
  await claim(key.responseId, 60_000);
  const write = (first: number, events: string[]) =>
    world.database.responses.append(key, { epoch: 1, first, events, leaseMs: 60_000, status: "in_progress", snapshot: null });
  await write(2, ['"a"']);
  await write(2, ['"a"', '"b"']);
  await write(4, ['"c"']);
  expect((await world.database.responses.readEvents(key, 1))?.events).toEqual(['"a"', '"b"', '"c"']);
  await world.sql.owner`delete from responses`;
});

test("a response begun too often is ended as failed, and its model is not asked again", async () => {
  const key = { organizationId: world.caller.organizationId, responseId: await begin() };
  const asked = world.model.journal.length;
  await world.sql.owner`update responses set attempts = 5`;
  await world.engines[0]?.runResponse(key, new AbortController().signal);
  const stored = await world.database.responses.read(key);
  expect(stored).toMatchObject({ status: "failed", snapshot: { error: { code: "internal" } } });
  expect(world.model.journal).toHaveLength(asked);
  await world.sql.owner`delete from responses`;
});

test("retention removes responses unused for so long, and neither those under way nor what a younger one goes on from", async () => {
  const store = async (previous?: string): Promise<string> => {
    const request = readResponseRequest({ model: "test/scripted", input: "x", ...(previous && { previous_response_id: previous }) });
    const facts = { route: "responses.create", requestId: "r", signal: new AbortController().signal };
    const running = await world.responses.create(world.caller, request, facts);
    for await (const _ of running.events);
    return running.id;
  };
  const [old, parent] = [await store(), await store()];
  const underWay = await begin();
  await world.sql.owner`update responses set used_at = now() - interval '31 days'`;
  const child = await store(parent);
  const limits = {
    ...{ idempotencyKeptHours: 24, journalKeptDays: 7, webhooksKeptDays: 7, activityKeptDays: 7 },
    ...{ soldCallsKeptDays: 90, cardEventsKeptDays: 90, cardPaymentsKeptDays: 800 },
    ...{ directCallsKeptDays: 0, responsesKeptDays: 30, itemConversationsKeptDays: 30 },
  };
  for (let batches = 0; await sweep.store.forget(limits, 1); batches += 1) expect(batches).toBeLessThan(50);
  await expect(world.responses.get(world.caller, old)).rejects.toMatchObject({ code: "not_found" });
  for (const id of [parent, child]) expect(await world.responses.get(world.caller, id)).toMatchObject({ status: "completed" });
  const rows = await world.sql.owner<{ id: string }[]>`select id from responses where job is not null`;
  expect(rows.map(({ id }) => id)).toEqual([underWay]);
  const orphans = await world.sql
    .owner`select from response_events e where not exists (select from responses r where r.id = e.response_id)`;
  expect(orphans).toHaveLength(0);
  // Another time-out of the same kind: with 0 all are kept for ever.
  await world.sql.owner`update responses set used_at = now() - interval '90 days'`;
  await sweep.store.forget({ ...limits, responsesKeptDays: 0 }, 100);
  expect(await world.responses.get(world.caller, parent)).toMatchObject({ status: "completed" });
});
