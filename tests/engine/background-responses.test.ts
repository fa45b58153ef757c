import { newId } from "@parley/contracts";
import { readResponseRequest } from "@parley/domain";
import { openWorld, tokenText, type World, type WorldWorker } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { staying } from "./testing/start.ts";

const LEASE_MS = 1_000;

let world: World;
/** Two that die, and one that takes orders: whoever dies has none in its hands. */
let first: WorldWorker;
let second: WorldWorker;
let heir: WorldWorker;
/** Who hears of a new response at once; null: its order is lost. */
let taker: WorldWorker | null;
beforeAll(async () => {
  world = await openWorld({
    workers: 3,
    started: false,
    leaseMs: LEASE_MS,
    doorQueue: {
      async enqueue(_, payload) {
        void taker?.engine.runResponse(payload as Parameters<WorldWorker["engine"]["runResponse"]>[0], staying());
      },
    },
  });
  [first, second, heir] = world.workers as [WorldWorker, WorldWorker, WorldWorker];
  for (const { engine } of world.workers) await engine.start();
  heir.jobs.start();
});
afterAll(() => world.close());
beforeEach(() => {
  taker = heir;
});

const begin = (input: string, more: object = {}, once?: { route: string; key: string; input: unknown }) =>
  world.responses.start(world.caller, readResponseRequest({ model: "test/scripted", input, background: true, ...more }), {
    requestId: newId<string>(),
    once,
  });

/** One that the first worker makes, and has said something of. */
async function beginSpeaking(input: string): Promise<string> {
  const { snapshot } = await begin(input);
  await expect.poll(async () => (await row(snapshot.id)).events_count, { timeout: 10_000 }).toBeGreaterThan(6);
  return snapshot.id;
}

const uuidOf = (id: string): string => id.slice("resp_".length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

async function row(id: string) {
  const rows = await world.sql.owner<{ events_count: number; attempts: number; epoch: number; superseded_through: number }[]>`
    select events_count, attempts, epoch, superseded_through from responses where id = ${uuidOf(id)}`;
  if (rows[0] === undefined) throw new Error("There is no such response.");
  return rows[0];
}

const calls = (id: string) => world.sql.owner<{ epoch: number; outcome: string; superseded: boolean }[]>`
  select epoch, outcome, superseded from direct_calls where response_id = ${uuidOf(id)} order by epoch`;

async function read(id: string, after = -1): Promise<{ type: string; sequence_number: number; response?: { status: string } }[]> {
  const events: string[] = [];
  for await (const some of world.responses.follow(world.caller, id, { after, signal: staying() })) events.push(...some);
  return events.map((text) => JSON.parse(text));
}

/** The sweep looks at its next tick, and not only some seconds after the response was accepted. */
const lookSoon = () => world.sql.owner`update responses set look_at = now() where job is not null`;

const ended = async (id: string) => {
  await expect
    .poll(async () => (await world.responses.get(world.caller, id)).status, { timeout: 15_000 })
    .not.toMatch(/^(queued|in_progress)$/);
  return (await world.responses.get(world.caller, id)).snapshot;
};
const textOf = ({ output }: { output: unknown[] }): string => (output as { content: { text: string }[] }[])[0]?.content[0]?.text ?? "";

test("a dead worker's response is made by another one, ends once, and is paid for once", async () => {
  taker = first;
  world.model.script({ tokens: 400, delayMs: 20 }, { tokens: 60, delayMs: 1 });
  const id = await beginSpeaking("count");
  const readers = Promise.allSettled([read(id), read(id, 1), read(id, 5)]);
  // Attached, and with something to lose.
  await expect.poll(async () => (await row(id)).events_count, { timeout: 10_000 }).toBeGreaterThan(12);
  first.freeze();
  await lookSoon();
  expect(textOf(await ended(id))).toBe(tokenText(60));
  for (const reader of await readers) expect(reader).toMatchObject({ status: "rejected", reason: { code: "attempt_superseded" } });
  first.thaw();
  // The zombie has found out, and what it used is the house's.
  await expect.poll(() => calls(id), { timeout: 10_000 }).toHaveLength(2);
  expect(await calls(id)).toMatchObject([
    { epoch: 1, outcome: "cancelled", superseded: true },
    { epoch: 2, outcome: "answered", superseded: false },
  ]);
  const events = await read(id);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  expect(events.filter(({ type }) => type === "response.completed")).toHaveLength(1);
  expect(events.at(-1)?.type).toBe("response.completed");
  // From any number that only the attempt that counts has told, a reader goes on.
  const { superseded_through: gone } = await row(id);
  expect(await read(id, gone + 1)).toEqual(events.slice(gone + 2));
});

test("an answer that its worker had whole and could not write is made anew, and the first one is not charged", async () => {
  taker = second;
  const whole = Promise.withResolvers<void>();
  world.model.script({ text: ["first"], after: whole.promise }, { text: ["second"] });
  const { snapshot } = await begin("x");
  await expect.poll(async () => (await row(snapshot.id)).events_count, { timeout: 10_000 }).toBe(3);
  second.freeze();
  whole.resolve();
  await lookSoon();
  expect(textOf(await ended(snapshot.id))).toBe("second");
  second.thaw();
  await expect.poll(() => calls(snapshot.id), { timeout: 10_000 }).toHaveLength(2);
  expect((await calls(snapshot.id)).map(({ superseded }) => superseded)).toEqual([true, false]);
});

test("a response whose order was lost is ordered again by the sweep", async () => {
  taker = null;
  world.model.script({ text: ["found"] });
  const { snapshot } = await begin("lost");
  await lookSoon();
  expect(textOf(await ended(snapshot.id))).toBe("found");
  expect(await row(snapshot.id)).toMatchObject({ attempts: 1 });
});

test("those who cancel at the same time are answered alike, whoever makes it, and it is paid for once", async () => {
  world.model.script({ tokens: 2_000, delayMs: 20 });
  const id = await beginSpeaking("count");
  const cancelled = await Promise.all(Array.from({ length: 6 }, () => world.responses.cancel(world.caller, id)));
  for (const one of cancelled) expect(one).toMatchObject({ status: "cancelled" });
  const events = await read(id);
  expect(events.at(-1)).toMatchObject({ type: "response.incomplete", response: { status: "cancelled" } });
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  await expect.poll(() => calls(id), { timeout: 10_000 }).toHaveLength(1);
  expect(await calls(id)).toMatchObject([{ outcome: "cancelled", superseded: false }]);
  await expect.poll(() => world.model.journal.at(-1)?.socketClosedAtMs, { timeout: 10_000 }).not.toBeNull();
});

test("responses of one conversation are made one after the other, in the order in which they were accepted", async () => {
  const conversation = await world.responses.makeConversation(world.caller, { items: [], metadata: {} });
  const before = world.model.journal.length;
  world.model.script({ text: ["A"], firstDelayMs: 300 }, { text: ["B"] }, { text: ["C"] });
  const named = { conversation: world.responses.publicId(conversation.id) };
  const ids: string[] = [];
  for (const input of ["a", "b", "c"]) ids.push((await begin(input, named)).snapshot.id);
  for (const id of ids) expect(await ended(id)).toMatchObject({ status: "completed" });
  const said = world.model.journal.slice(before).map(({ body }) => (body.messages ?? []).map(({ content }) => content));
  expect(said).toEqual([["a"], ["a", "A", "b"], ["a", "A", "b", "B", "c"]]);
});

test("calls under one key are one response, also where the first was never answered", async () => {
  const before = world.model.journal.length;
  const once = { route: "responses.create", key: "k", input: { input: "x" } };
  const [one, other] = await Promise.all([begin("x", {}, once), begin("x", {}, once)]);
  expect((await begin("x", {}, once)).snapshot.id).toBe(one.snapshot.id);
  expect(other.snapshot.id).toBe(one.snapshot.id);
  expect((await begin("y", {}, { ...once, input: { input: "y" } })).snapshot.id).not.toBe(one.snapshot.id);
  await ended(one.snapshot.id);
  await expect.poll(() => world.model.journal.slice(before).length, { timeout: 10_000 }).toBe(2);
});

test("connections to Postgres that break in the middle cost nothing but time", async () => {
  world.model.script({ tokens: 100, delayMs: 15 });
  const { snapshot } = await begin("count");
  for (let broken = 0; broken < 4; broken += 1) {
    const { events_count: told } = await row(snapshot.id);
    await expect.poll(async () => (await row(snapshot.id)).events_count, { timeout: 10_000 }).toBeGreaterThan(told);
    await world.sql
      .owner`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'parley_app'`;
  }
  expect(textOf(await ended(snapshot.id))).toBe(tokenText(100));
  expect(await row(snapshot.id)).toMatchObject({ attempts: 1, superseded_through: -1 });
  const events = await read(snapshot.id);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
});
