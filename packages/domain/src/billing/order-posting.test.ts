import { expect, test } from "vitest";
import type { JobQueue } from "../job-queue.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { orderPosting } from "./order-posting.ts";

test("one order at a time is enough for an organization, but the order of a worker that died stands in the way of none for long", async () => {
  const clock = movedClock();
  const given: string[] = [];
  const queue: JobQueue = { enqueue: async (_name, _payload, { once = "" } = {}) => void given.push(once) };
  await orderPosting({ queue, clock }, ["a"]);
  await orderPosting({ queue, clock }, ["a"]);
  await orderPosting({ queue, clock }, ["b"]);
  expect(given[1]).toBe(given[0]);
  expect(given[2]).not.toBe(given[0]);
  await clock.move(5_000);
  await orderPosting({ queue, clock }, ["a"]);
  expect(given.slice(0, 3)).not.toContain(given[3]);
});
