import type { QueueName } from "@parley/contracts";
import { afterEach, expect, test, vi } from "vitest";
import { createHeldPlaces, type HeldPlaces } from "./held-places.ts";
import type { PlaceHolder } from "./places.ts";

const SLOTS = 100;
const CROWD = 60;
/** So many are let in before any of them has begun. */
const AT_ONCE = 32;

let open: HeldPlaces | undefined;
afterEach(async () => {
  await open?.close();
});

const beyondTen = (running: number) => Math.max(0, running - 10);

/** A worker, what it has offered, and what it has in hand. `line`: how many of so many jobs stand in line. */
function startWorker(line = beyondTen) {
  const said = { slots: [] as number[] };
  const running: ((hasLeft: boolean) => void)[] = [];
  const held = createHeldPlaces({
    queue: "turns",
    slots: SLOTS,
    inLine: () => line(running.length) / Math.max(1, running.length),
    places: {
      leave: async () => undefined,
      report: async (_queue: QueueName, { slots }: PlaceHolder) => void said.slots.push(slots),
    },
  });
  open = held;
  held.open();
  let orders = 0;
  const begin = (organization: string) => {
    orders += 1;
    running.push(held.begin({ order: `${organization}/conversation/${orders}` }));
  };
  /** Ends the oldest job and begins another, as a crowd does. */
  const turnOver = (organization: string) => {
    running.shift()?.(true);
    begin(organization);
  };
  const endAll = () => {
    for (const end of running.splice(0)) end(true);
  };
  return { said, held, begin, turnOver, endAll };
}

/** Looks are taken by the clock: jobs come and go all the while. */
async function until(turnOver: () => void, isSo: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      for (let job = 0; job < 5; job += 1) turnOver();
      if (!isSo()) throw new Error("not yet");
    },
    { timeout: 20_000, interval: 5 },
  );
}

test("a worker that serves several organizations offers fewer places while its jobs stand in line, and more again at rest", async () => {
  const { said, begin, turnOver, endAll } = startWorker();
  for (let job = 0; job < CROWD; job += 1) begin("one");
  begin("other");
  await until(
    () => turnOver("one"),
    () => (said.slots.at(-1) ?? SLOTS) <= 11,
  );
  endAll();
  await vi.waitFor(() => expect(said.slots.at(-1)).toBe(AT_ONCE), { timeout: 20_000 });
});

test("a worker at rest lets in a part of a burst, and the rest of it as fast as jobs begin", async () => {
  let begun = 0;
  const { said, begin } = startWorker((running) => running - begun);
  const offers = (slots: number) => vi.waitFor(() => expect(said.slots.at(-1)).toBe(slots), { timeout: 20_000 });
  await offers(AT_ONCE);
  begin("other");
  for (let job = 1; job < AT_ONCE; job += 1) begin("one");
  const reports = said.slots.length;
  await vi.waitFor(() => expect(said.slots.length).toBeGreaterThan(reports), { timeout: 20_000 });
  await offers(AT_ONCE);
  begun = 24;
  await offers(AT_ONCE + 24);
  begun = 32;
  for (let job = 0; job < 24; job += 1) begin("one");
  await offers(AT_ONCE + 32);
  begun = 56;
  for (let job = 0; job < 24; job += 1) begin("one");
  await offers(AT_ONCE + 56);
  begun = 80;
  await offers(SLOTS);
});

test("a worker that one organization has to itself offers all of them, whatever stands in line", async () => {
  const { said, begin, turnOver } = startWorker();
  for (let job = 0; job < CROWD; job += 1) begin("one");
  await until(
    () => turnOver("one"),
    () => said.slots.length >= 3,
  );
  const [first, ...others] = said.slots;
  expect([first, new Set(others)]).toEqual([AT_ONCE, new Set([SLOTS])]);
});

test("a worker that has retired offers none, also when it comes to rest", async () => {
  const { said, held, begin, endAll } = startWorker();
  begin("one");
  begin("other");
  held.retire();
  endAll();
  const reported = said.slots.length;
  await vi.waitFor(() => expect(said.slots.length).toBeGreaterThan(reported), { timeout: 20_000 });
  expect(said.slots.slice(1).every((slots) => slots === 0)).toBe(true);
});
