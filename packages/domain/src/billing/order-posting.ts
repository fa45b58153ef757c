import type { JobPayload } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { JobQueue } from "../job-queue.ts";

/**
 * BullMQ keeps the order of a worker that died for up to a minute, and swallows any that is the same: so one of later is another one. Two at once do no
 * harm; the second finds the books taken and leaves.
 */
const SAME_MS = 5_000;

interface OrderPorts {
  queue: JobQueue;
  clock: Pick<Clock, "now">;
}

/** Has what organizations used charged. What is not delivered is found by the sweep: the rows are the truth. */
export async function orderPosting({ queue, clock }: OrderPorts, organizationIds: readonly string[]): Promise<void> {
  const once = `${organizationIds.join(" ")} ${Math.floor(clock.now() / SAME_MS)}`;
  await queue.enqueue("billing.post", { organizationIds } as JobPayload<"billing.post">, { once }).catch(() => undefined);
}
