import { withPool } from "../harness/with-pool.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import type { Ours } from "../targets/ours.ts";
import type { Script } from "../upstream/script.ts";

const CONNECTIONS = 32;
const POLL_MS = 100;
const DRAINED_MS = 600_000;

/**
 * Makes so many conversations of the neighbour ready at once: the worker is held while they are accepted, and goes on when this
 * resolves.
 */
export async function fillBacklog(ours: Ours, conversations: number, script: Script): Promise<void> {
  process.kill(ours.worker.pid, "SIGSTOP");
  try {
    await withPool(ours.target.origin, CONNECTIONS, (pool) =>
      runConcurrently(conversations, CONNECTIONS, async () => {
        const { statusCode, body } = await pool.request(ours.neighbour.start(script));
        const answer = await body.text();
        if (statusCode >= 300) throw new Error(`A message was not accepted: ${statusCode} ${answer.slice(0, 300)}`);
      }),
    );
  } finally {
    process.kill(ours.worker.pid, "SIGCONT");
  }
}

/** Waits until no conversation is left that runs or is ready. */
export async function untilDrained(ours: Ours): Promise<void> {
  const startedAt = performance.now();
  while ((await ours.unfinished()) > 0) {
    if (performance.now() - startedAt > DRAINED_MS) throw new Error("Ten minutes later there are still conversations that did not run.");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
