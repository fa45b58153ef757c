import type { JobPayload } from "@parley/contracts";
import type { JobQueue } from "../job-queue.ts";

/** Has what an organization used charged. What is not delivered is found by the sweep: the rows are the truth. */
export async function orderPosting({ queue }: { queue: JobQueue }, organizationId: string): Promise<void> {
  await queue.enqueue("billing.post", { organizationId } as JobPayload<"billing.post">, { once: organizationId }).catch(() => undefined);
}
