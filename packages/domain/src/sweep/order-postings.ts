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
  const found = await store.findUnposted(ORGANIZATIONS_MAX);
  await Promise.all(found.map((organizationId) => orderPosting({ queue, clock }, organizationId)));
}
