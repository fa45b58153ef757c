import { POSTED_TOGETHER_MAX } from "@parley/contracts";
import { expect, test } from "vitest";
import type { JobQueue } from "../job-queue.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { orderPostings } from "./order-postings.ts";

/** The orders for those, and the names that they have. */
async function ordered(found: string[]) {
  const orders: { payload: unknown; once: string | undefined }[] = [];
  const queue: JobQueue = { enqueue: async (_name, payload, { once } = {}) => void orders.push({ payload, once }) };
  await orderPostings({ store: { findUnposted: async () => found }, queue, clock: movedClock() });
  return orders;
}

const ids = Array.from({ length: POSTED_TOGETHER_MAX + 2 }, (_, index) => String.fromCharCode(97 + index));

test("everybody who has used something is charged, some in one order, and nobody in two", async () => {
  const orders = await ordered(ids);
  expect(orders.map(({ payload }) => payload)).toEqual([
    { organizationIds: ids.slice(0, POSTED_TOGETHER_MAX) },
    { organizationIds: ids.slice(POSTED_TOGETHER_MAX) },
  ]);
  expect(await ordered([])).toEqual([]);
});

test("those that are found again in another order are the same orders, which the queue takes once", async () => {
  expect(await ordered(ids.toReversed())).toEqual(await ordered(ids));
});
