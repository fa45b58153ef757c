import type { JobPayload } from "@parley/contracts";
import type { JobQueue } from "../job-queue.ts";
import type { ResponseKey } from "./response-store.ts";

/**
 * Orders a response of a worker; `epoch` is that of the newest right to write it. One order for each, however often it is given: a backlog does not
 * grow by being looked at, and an order in the hands of a worker that is gone swallows no later one.
 */
export const orderResponse = (queue: JobQueue, { organizationId, responseId }: ResponseKey, epoch: number): Promise<void> =>
  queue.enqueue("response.run", { organizationId, responseId } as JobPayload<"response.run">, { once: `${responseId}-${epoch}` });
