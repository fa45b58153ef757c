import { GatewayError, type JobPayload, newId } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { JobHandlers, JobOutcome } from "./job-handlers.ts";
import { createJobQueue, type RedisJobQueue } from "./job-queue.ts";
import { createJobWorker, type JobWorker, type JobWorkerOptions } from "./job-worker.ts";
import type { Places } from "./share/places.ts";

type Payload = JobPayload<"turn.run">;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const until = <Value>(check: () => Value | Promise<Value>) => vi.waitFor(check, { timeout: 20_000, interval: 10 });
const payload = (): Payload => ({ organizationId: newId(), conversationId: newId() });
const never = () => new Promise<void>(() => undefined);
/** These tests share nothing: each order is its organization's only one. */
const places: Places = { leave: async () => undefined, report: async () => undefined };

let redis: TestRedis;
let prefixes = 0;
const closers: (() => Promise<void>)[] = [];

async function orders(): Promise<RedisJobQueue> {
  const queue = createJobQueue({ url: redis.url, prefix: `test${prefixes}`, log: silent });
  closers.push(() => queue.close());
  return queue;
}

function serve(handle: JobHandlers["turn.run"], options: Partial<JobWorkerOptions> = {}) {
  const outcomes: JobOutcome[] = [];
  const recreated: string[] = [];
  const worker: JobWorker = createJobWorker({
    url: redis.url,
    prefix: `test${prefixes}`,
    queues: ["turns"],
    concurrency: 10,
    places,
    handlers: { "turn.run": handle ?? never },
    log: silent,
    timeoutMs: 60_000,
    metrics: {
      jobFinished: ({ outcome }) => outcomes.push(outcome),
      jobStalled() {},
      workerRecreated: ({ queue }) => recreated.push(queue),
    },
    ...options,
  });
  worker.start();
  closers.push(() => worker.close(0));
  return { worker, outcomes, recreated };
}

/** How many connections wait for a job. */
async function waiting(): Promise<number> {
  const client = new Redis(redis.url);
  try {
    const clients = String(await client.client("LIST"));
    return clients.split("\n").filter((line) => line.includes(" cmd=bzpopmin ") && / flags=\w*b/.test(line)).length;
  } finally {
    client.disconnect();
  }
}

beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  prefixes += 1;
});
afterAll(() => redis[Symbol.asyncDispose]());

describe("an order", () => {
  test("reaches its handler with the payload it was given, once", async () => {
    const seen: Payload[] = [];
    const { outcomes } = serve(async (received) => void seen.push(received));
    const queue = await orders();
    const [first, second] = [payload(), payload()];
    await queue.enqueue("turn.run", first);
    await queue.enqueue("turn.run", second);
    await until(() => expect(outcomes).toEqual(["completed", "completed"]));
    expect(seen).toEqual([first, second]);
    await until(async () => expect((await queue.counts()).turns).toEqual({ waiting: 0, prioritized: 0, active: 0, delayed: 0, held: 0 }));
  });

  test("with the same `once` is swallowed while the first waits and while it runs, and taken when it is over", async () => {
    const queue = await orders();
    const one = payload();
    const give = () => queue.enqueue("turn.run", one, { once: `${one.conversationId}:7` });
    for (let times = 0; times < 3; times += 1) await give();
    expect((await queue.counts()).turns.waiting).toBe(1);
    const finish = Promise.withResolvers<void>();
    let runs = 0;
    const { outcomes } = serve(async () => {
      runs += 1;
      await finish.promise;
    });
    await until(() => expect(runs).toBe(1));
    await give();
    expect((await queue.counts()).turns).toMatchObject({ waiting: 0, active: 1 });
    finish.resolve();
    await until(() => expect(outcomes).toEqual(["completed"]));
    await until(async () => {
      await give();
      expect(runs).toBeGreaterThan(1);
    });
  });

  test("whose `once` is another, or that is another job, is not swallowed", async () => {
    const queue = await orders();
    for (const once of ["a:b", "a%3Ab", "7", "0"]) await queue.enqueue("turn.run", payload(), { once });
    await queue.enqueue("turn.reap", payload(), { once: "7" });
    const counts = await queue.counts();
    expect([counts.turns.waiting, counts.reaper.waiting]).toEqual([4, 1]);
  });

  test("that failed for good does not block the next one with the same `once`", async () => {
    let runs = 0;
    const { outcomes } = serve(async () => {
      runs += 1;
      throw new GatewayError("not_found");
    });
    const queue = await orders();
    await queue.enqueue("turn.run", payload(), { once: "same" });
    await until(() => expect(outcomes).toEqual(["failed"]));
    await until(async () => {
      await queue.enqueue("turn.run", payload(), { once: "same" });
      expect(runs).toBeGreaterThan(1);
    });
  });

  test("is rejected at once with storage_unavailable while Redis is away, and taken again when it is back", async () => {
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    await redis.stop();
    try {
      const started = performance.now();
      const refused = await Promise.allSettled(Array.from({ length: 20 }, () => queue.enqueue("turn.run", payload())));
      expect(
        refused.every((result) => result.status === "rejected" && (result.reason as GatewayError).code === "storage_unavailable"),
      ).toBe(true);
      expect(performance.now() - started).toBeLessThan(1_500);
    } finally {
      await redis.start();
    }
    await until(() => queue.enqueue("turn.run", payload()));
  });

  test("given before Redis was ever reached is rejected within the command timeout", async () => {
    const queue = createJobQueue({ url: "redis://127.0.0.1:1", prefix: "none", log: silent, commandTimeoutMs: 100 });
    await expect(queue.enqueue("turn.run", payload())).rejects.toThrow("briefly unavailable");
    await queue.close();
  });
});

describe("a failing job", () => {
  test("is tried as often as its row says, with a growing pause", async () => {
    const at: number[] = [];
    const { outcomes } = serve(async () => {
      at.push(performance.now());
      throw new GatewayError("model_unavailable");
    });
    await (await orders()).enqueue("turn.run", payload());
    await until(() => expect(outcomes).toEqual(["retried", "retried", "failed"]));
    const [first = 0, second = 0, third = 0] = at;
    expect(second - first).toBeGreaterThanOrEqual(100);
    expect(third - second).toBeGreaterThanOrEqual(200);
  });

  test("is not tried again where its error says that this is of no use", async () => {
    const { outcomes } = serve(async () => {
      throw new GatewayError("stale_epoch");
    });
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    await until(() => expect(outcomes).toEqual(["failed"]));
    await until(async () => expect((await queue.counts()).turns).toEqual({ waiting: 0, prioritized: 0, active: 0, delayed: 0, held: 0 }));
  });

  test("whose payload does not fit never reaches the handler and is not tried again", async () => {
    let runs = 0;
    const { outcomes } = serve(async () => void (runs += 1));
    await (await orders()).enqueue("turn.run", { organizationId: "none", conversationId: "none" } as Payload);
    await until(() => expect(outcomes).toEqual(["failed"]));
    expect(runs).toBe(0);
  });

  test("that takes too long is aborted with `timeout` and, where it does not listen, abandoned", async () => {
    const reasons: string[] = [];
    const { outcomes } = serve(
      async (_payload, { signal }) => {
        signal.addEventListener("abort", () => reasons.push((signal.reason as Error).message));
        await never();
      },
      { timeoutMs: 20, abandonMs: 20 },
    );
    await (await orders()).enqueue("turn.run", payload());
    await until(() => expect(outcomes[0]).toBe("retried"));
    expect(reasons[0]).toBe("timeout");
  });
});

describe("a worker", () => {
  test("that lacks a handler for one of its queues' jobs does not start", () => {
    const make = () =>
      createJobWorker({
        url: redis.url,
        prefix: "x",
        queues: ["turns", "drains"],
        concurrency: 1,
        places,
        handlers: { "turn.run": never },
        log: silent,
        timeoutMs: 60_000,
      });
    expect(make).toThrow("No handler for conversation.drain.");
  });

  test("runs as many jobs at a time as it was told, and no more", async () => {
    let running = 0;
    let peak = 0;
    const { outcomes } = serve(
      async () => {
        peak = Math.max(peak, (running += 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
      },
      { concurrency: 4 },
    );
    const queue = await orders();
    await Promise.all(Array.from({ length: 40 }, () => queue.enqueue("turn.run", payload())));
    await until(() => expect(outcomes).toHaveLength(40));
    expect(peak).toBe(4);
  });

  test("that closes lets its jobs finish within the grace and takes no new ones", async () => {
    const finish = Promise.withResolvers<void>();
    let runs = 0;
    const { worker, outcomes } = serve(async () => {
      runs += 1;
      await finish.promise;
    });
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    await until(() => expect(runs).toBe(1));
    const closed = worker.close(60_000);
    await queue.enqueue("turn.run", payload());
    finish.resolve();
    await closed;
    expect(outcomes).toEqual(["completed"]);
    expect((await queue.counts()).turns).toMatchObject({ waiting: 1, active: 0 });
  });

  test("that closes after its grace aborts its jobs with `shutdown`; another worker takes them at once, as the same attempt", async () => {
    const reasons: string[] = [];
    let runs = 0;
    const { worker, outcomes } = serve(async (_payload, { signal }) => {
      runs += 1;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      reasons.push((signal.reason as Error).message);
      throw signal.reason;
    });
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    await until(() => expect(runs).toBe(1));
    await worker.close(1);
    expect([reasons, outcomes]).toEqual([["shutdown"], ["returned"]]);
    let attempts = 0;
    const next = serve(async () => {
      attempts += 1;
      throw new GatewayError("model_unavailable");
    });
    await until(() => expect(next.outcomes).toEqual(["retried", "retried", "failed"]));
    expect(attempts).toBe(3);
  });

  test("closes in bounded time though a handler never ends", async () => {
    let runs = 0;
    const { worker, outcomes } = serve(
      async () => {
        runs += 1;
        await never();
      },
      { abandonMs: 50 },
    );
    await (await orders()).enqueue("turn.run", payload());
    await until(() => expect(runs).toBe(1));
    const started = performance.now();
    await worker.close(10);
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(outcomes).toEqual(["returned"]);
  });

  test("closes in bounded time though Redis is away", async () => {
    const { worker } = serve(never, { abandonMs: 50 });
    await (await orders()).enqueue("turn.run", payload());
    await redis.stop();
    try {
      await worker.close(10);
    } finally {
      await redis.start();
    }
  });

  test("that pauses leaves new jobs waiting until it is started again", async () => {
    const { worker, outcomes } = serve(async () => undefined);
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    // A job's end may bring the next one with it, if it was on its way before the pause.
    await until(async () => expect([outcomes.length, (await queue.counts()).turns.active]).toEqual([1, 0]));
    await worker.pause();
    // A read that was under way may still bring one.
    await queue.enqueue("turn.run", payload());
    await queue.enqueue("turn.run", payload());
    expect((await queue.counts()).turns.waiting).toBeGreaterThanOrEqual(1);
    worker.start();
    await until(() => expect(outcomes).toHaveLength(3));
  });

  test("that pauses takes no job from one that is there for it", async () => {
    const paused = serve(async () => undefined);
    const other = serve(async () => undefined);
    const queue = await orders();
    for (let round = 1; round <= 10; round++) {
      // Whoever has waited longest is given the next job.
      await until(async () => expect(await waiting()).toBe(2));
      await paused.worker.pause();
      const before = paused.outcomes.length;
      const done = other.outcomes.length;
      await queue.enqueue("turn.run", payload());
      await until(() => expect(other.outcomes).toHaveLength(done + 1));
      expect(paused.outcomes).toHaveLength(before);
      paused.worker.start();
    }
  });

  test("works on after a restart of Redis, and a job that was running is not disturbed", async () => {
    const finish = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const { outcomes } = serve(async (_payload, { signal }) => {
      signals.push(signal);
      if (signals.length === 1) await finish.promise;
    });
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    await until(() => expect(signals).toHaveLength(1));
    await redis.stop();
    await redis.start();
    await until(() => queue.enqueue("turn.run", payload()));
    await until(() => expect(outcomes).toContain("completed"));
    finish.resolve();
    await until(() => expect(outcomes).toEqual(["completed", "completed"]));
    expect(signals[0]?.aborted).toBe(false);
  });

  test("serves new orders after a FLUSHALL, and a job that was running is not disturbed", async () => {
    const finish = Promise.withResolvers<void>();
    let runs = 0;
    const { outcomes } = serve(async () => {
      runs += 1;
      if (runs === 1) await finish.promise;
    });
    const queue = await orders();
    await queue.enqueue("turn.run", payload(), { once: "same" });
    await until(() => expect(runs).toBe(1));
    const admin = new Redis(redis.url);
    await admin.flushall();
    admin.disconnect();
    await queue.enqueue("turn.run", payload(), { once: "same" });
    await until(() => expect(outcomes).toEqual(["completed"]));
    finish.resolve();
    await until(() => expect(outcomes).toEqual(["completed", "completed"]));
  });

  test("that stays without Redis is replaced, and the new one works", async () => {
    const { outcomes, recreated } = serve(async () => undefined, { disconnectedMsMax: 200 });
    const queue = await orders();
    await queue.enqueue("turn.run", payload());
    await until(() => expect(outcomes).toHaveLength(1));
    await redis.stop();
    try {
      await until(() => expect(recreated.length).toBeGreaterThanOrEqual(2));
    } finally {
      await redis.start();
    }
    await until(() => queue.enqueue("turn.run", payload()));
    await until(() => expect(outcomes).toEqual(["completed", "completed"]));
  });
});
