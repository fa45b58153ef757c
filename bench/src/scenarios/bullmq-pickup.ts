import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { median, percentile } from "../measure/statistics.ts";

const JOBS = 200;

/** Ms from adding a job to its handler's start, one job at a time on an idle queue: the limit that hand-over is held to. */
export async function measurePickup(redisUrl: string): Promise<{ p50: number; p99: number }> {
  const queueConnection = new Redis(redisUrl);
  const workerConnection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue("pickup", { connection: queueConnection });
  let started = (_at: number) => {};
  const worker = new Worker("pickup", async () => started(performance.now()), {
    connection: workerConnection,
    removeOnComplete: { count: 10 },
  });
  try {
    await worker.waitUntilReady();
    const times: number[] = [];
    for (let job = 0; job < JOBS; job++) {
      const startedAt = new Promise<number>((resolve) => {
        started = resolve;
      });
      const addedAt = performance.now();
      await queue.add("look", {});
      times.push((await startedAt) - addedAt);
      // The worker must be waiting again before the next job comes.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return { p50: median(times), p99: percentile(times, 0.99) };
  } finally {
    await worker.close();
    await queue.close();
    workerConnection.disconnect();
    queueConnection.disconnect();
  }
}
