import type { QueueName } from "@parley/contracts";
import { afterEach, expect, test, vi } from "vitest";
import { createHeldPlaces, type HeldPlaces } from "./held-places.ts";
import type { PlaceHolder } from "./places.ts";

const SLOTS = 100;
const CROWD = 60;

let open: HeldPlaces | undefined;
afterEach(async () => {
  await open?.close();
});

/** A worker whose jobs stand in line as soon as there are more than ten of them; what it last offered, and what it has in hand. */
function startWorker() {
  const said = { slots: [] as number[] };
  const running: ((hasLeft: boolean) => void)[] = [];
  const held = createHeldPlaces({
    queue: "turns",
    slots: SLOTS,
    inLine: () => Math.max(0, running.length - 10) / Math.max(1, running.length),
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

test("a worker that serves several organizations offers fewer places while its jobs stand in line, and all of them again at rest", async () => {
  const { said, begin, turnOver, endAll } = startWorker();
  for (let job = 0; job < CROWD; job += 1) begin("one");
  begin("other");
  await until(
    () => turnOver("one"),
    () => (said.slots.at(-1) ?? SLOTS) <= 11,
  );
  endAll();
  await vi.waitFor(() => expect(said.slots.at(-1)).toBe(SLOTS), { timeout: 20_000 });
});

test("a worker that one organization has to itself offers all of them, whatever stands in line", async () => {
  const { said, begin, turnOver } = startWorker();
  for (let job = 0; job < CROWD; job += 1) begin("one");
  await until(
    () => turnOver("one"),
    () => said.slots.length >= 3,
  );
  expect(new Set(said.slots)).toEqual(new Set([SLOTS]));
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
