import { expect, test } from "vitest";
import { METRICS } from "./metric-table.ts";
import { createMetrics } from "./metrics.ts";

test("every metric of the table is described, beside the process's own", async () => {
  const { contentType, body } = await createMetrics().render();
  expect(contentType).toContain("text/plain");
  for (const [name, { help, kind }] of Object.entries(METRICS)) {
    expect(body).toContain(`# HELP parley_${name} ${help}\n# TYPE parley_${name} ${kind}`);
  }
  expect(body).toContain("parley_nodejs_eventloop_lag_seconds");
  expect(body).toContain("parley_process_resident_memory_bytes");
});

test("what is recorded shows, with its labels and in seconds", async () => {
  const metrics = createMetrics();
  metrics.httpRequest({ method: "POST", route: "/v1/tasks/{id}", status: 200, durationMs: 12 });
  metrics.jobFinished({ queue: "turns", name: "turn.run", outcome: "completed", durationMs: 2_000, waitedMs: 1 });
  metrics.jobFinished({ queue: "turns", name: "turn.run", outcome: "retried", durationMs: 2_000, waitedMs: null });
  metrics.jobStalled({ queue: "turns" });
  metrics.workerRecreated({ queue: "turns" });
  metrics.turnEnded({ end: "stopped", reason: "user_stop" });
  metrics.firstToken({ durationMs: 45 });
  metrics.leaseTakenOver();
  metrics.summaryEnded({ end: "failed", durationMs: 1_500 });
  metrics.usageSetAside({ count: 2 });
  metrics.publishLost();
  const { body } = await metrics.render();
  for (const line of [
    'parley_http_request_seconds_bucket{le="0.025",method="POST",route="/v1/tasks/{id}",status="200"} 1',
    'parley_http_request_seconds_sum{method="POST",route="/v1/tasks/{id}",status="200"} 0.012',
    'parley_jobs_total{queue="turns",name="turn.run",outcome="completed"} 1',
    'parley_jobs_total{queue="turns",name="turn.run",outcome="retried"} 1',
    'parley_job_seconds_sum{queue="turns",name="turn.run"} 4',
    'parley_job_wait_seconds_count{queue="turns",name="turn.run"} 1',
    'parley_jobs_stalled_total{queue="turns"} 1',
    'parley_workers_recreated_total{queue="turns"} 1',
    'parley_turns_total{end="stopped",reason="user_stop"} 1',
    "parley_turn_first_token_seconds_sum 0.045",
    "parley_lease_takeovers_total 1",
    'parley_summaries_total{end="failed"} 1',
    'parley_summary_seconds_sum{end="failed"} 1.5',
    "parley_usage_set_aside_total 2",
    "parley_lost_publishes_total 1",
  ]) {
    expect(body).toContain(`${line}\n`);
  }
});

test("what the sweep sees of money shows while this process sweeps, and not for longer", async () => {
  const metrics = createMetrics();
  metrics.settlementsDue({ challenge: 2, refund: 0 });
  metrics.booksSeen({ faults: 1, unpostedAgeMs: 1_500 });
  const told = ['parley_settlements_due{kind="challenge"} 2', "parley_ledger_faults 1", "parley_unposted_usage_age_seconds 1.5"];
  const { body } = await metrics.render();
  for (const line of told) expect(body).toContain(`${line}\n`);
  metrics.settlementsDue(null);
  metrics.booksSeen(null);
  expect((await metrics.render()).body).not.toMatch(/^parley_(settlements_due|ledger_faults|unposted_usage_age_seconds)[ {]/m);
});

test("a stream is counted once in and once out", async () => {
  const metrics = createMetrics();
  const leave = metrics.streamAttached({ door: "rest" });
  metrics.streamAttached({ door: "rest" });
  expect((await metrics.render()).body).toContain('parley_attached_streams{door="rest"} 2');
  leave();
  leave();
  expect((await metrics.render()).body).toContain('parley_attached_streams{door="rest"} 1');
});

test("the queues are counted at each render, and left out when they cannot be", async () => {
  const metrics = createMetrics();
  let away = false;
  metrics.watchQueues(async () => {
    if (away) throw new Error("Redis is away.");
    return { turns: { waiting: 3, active: 1 } };
  });
  expect((await metrics.render()).body).toContain('parley_queue_jobs{queue="turns",state="waiting"} 3');
  away = true;
  expect((await metrics.render()).body).not.toContain("parley_queue_jobs{");
  metrics.watchQueues(() => new Promise(() => undefined));
  expect((await metrics.render()).body).toContain("parley_turns_total");
});

test("two sets of metrics in one process are apart", async () => {
  const [one, other] = [createMetrics(), createMetrics()];
  one.leaseTakenOver();
  expect((await other.render()).body).toContain("parley_lease_takeovers_total 0");
});
