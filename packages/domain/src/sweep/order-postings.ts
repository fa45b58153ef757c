import { POSTED_TOGETHER_MAX } from "@parley/contracts";
import { orderPosting } from "../billing/order-posting.ts";
import type { Clock } from "../clock.ts";
import type { JobQueue } from "../job-queue.ts";
import type { SweepStore } from "./sweep-store.ts";

const ORGANIZATIONS_MAX = 1_000;

interface PostingPorts {
  store: Pick<SweepStore, "findUnposted">;
  queue: JobQueue;
  clock: Pick<Clock, "now">;
}

/** Has what was used charged, wherever that is due. */
export async function orderPostings({ store, queue, clock }: PostingPorts): Promise<void> {
  // In their order: a look that finds the same ones orders the same groups. Where there are more than it may find, they are other ones each time.
  const found = (await store.findUnposted(ORGANIZATIONS_MAX)).toSorted();
  const groups = Array.from({ length: Math.ceil(found.length / POSTED_TOGETHER_MAX) }, (_, index) =>
    found.slice(index * POSTED_TOGETHER_MAX, (index + 1) * POSTED_TOGETHER_MAX),
  );
  await Promise.all(groups.map((organizationIds) => orderPosting({ queue, clock }, organizationIds)));
}
