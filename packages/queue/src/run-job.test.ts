import { GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { type Job, UnrecoverableError, WaitingError } from "bullmq";
import { expect, test } from "vitest";
import { createProcessor } from "./run-job.ts";
import { createRunningJobs } from "./running-jobs.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const ID = "0199f3c2-0000-7000-8000-000000000001";
const job = (name = "turn.run"): Job =>
  ({
    id: "1",
    name,
    data: { organizationId: ID, conversationId: ID },
    attemptsMade: 0,
    opts: { attempts: 3 },
    timestamp: 0,
  }) as unknown as Job;

function processor(handle: (signal: AbortSignal) => Promise<void>) {
  const runs = createRunningJobs({ abandonMs: 1_000 });
  const handlers = { "turn.run": (_payload: unknown, { signal }: { signal: AbortSignal }) => handle(signal) };
  const places = {
    running: () => 0,
    begin: () => (hasLeft: boolean) => void left.push(hasLeft),
    open() {},
    retire() {},
    close: async () => undefined,
  };
  const left: boolean[] = [];
  const process = createProcessor({ queue: "turns", handlers, runs, places, timeoutMs: 60_000, log: silent, metrics: undefined });
  return { runs, process, left };
}
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

test("the function given to BullMQ names three parameters, without which BullMQ makes no signal", () => {
  expect(processor(async () => undefined).process).toHaveLength(3);
});

test("an abort by BullMQ reaches the handler", async () => {
  const controller = new AbortController();
  const { process } = processor(untilAborted);
  const running = process(job(), "token", controller.signal);
  controller.abort("lock lost");
  await expect(running).rejects.toThrow("lease_lost");
});

test("a job that comes a second time leaves its first run alone, and both are waited for", async () => {
  const { process, runs } = processor(untilAborted);
  const both = Promise.allSettled([process(job(), "token", undefined), process(job(), "token", undefined)]);
  let idle = false;
  const waited = runs.idle().then(() => (idle = true));
  await Promise.resolve();
  expect(idle).toBe(false);
  runs.abort("turns/1", "timeout");
  expect(await both).toMatchObject([{ reason: { name: "AbortError", message: "timeout" } }, { reason: { message: "timeout" } }]);
  await waited;
});

test("a job of an unknown name fails for good", async () => {
  const { process } = processor(async () => undefined);
  await expect(process(job("toString"), "token", undefined)).rejects.toBeInstanceOf(UnrecoverableError);
});

test("a job that comes when the worker closes is never begun, even where it cannot be given back", async () => {
  let begun = false;
  const { process, runs } = processor(async () => void (begun = true));
  runs.refuse();
  const late = { ...job(), moveToWait: () => Promise.reject(new Error("Redis is away.")) } as unknown as Job;
  await expect(process(late, "token", undefined)).rejects.toBeInstanceOf(WaitingError);
  expect(begun).toBe(false);
});

test("the place of a job that is over is free; one that is tried again or was given back keeps it", async () => {
  const fails = new GatewayError("model_unavailable");
  const { process, left } = processor(() => Promise.reject(fails));
  await expect(process(job(), "token", undefined)).rejects.toBe(fails);
  const last = { ...job(), attemptsMade: 2 } as unknown as Job;
  await expect(process(last, "token", undefined)).rejects.toBe(fails);
  const done = processor(async () => undefined);
  await done.process(job(), "token", undefined);
  const shut = processor(untilAborted);
  const returned = shut.process({ ...job(), moveToWait: async () => undefined } as unknown as Job, "token", undefined);
  shut.runs.abortAll("shutdown");
  await expect(returned).rejects.toBeInstanceOf(WaitingError);
  expect([left, done.left, shut.left]).toEqual([[false, true], [true], [false]]);
});
