interface MetricRow {
  kind: "counter" | "gauge" | "histogram";
  help: string;
  labels: readonly string[];
  /** Upper bounds, in the unit that ends the name. */
  buckets?: readonly number[];
}

const QUICK = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const LONG = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1_800];

/** Every metric of ours; the names go out with `parley_` before them. */
export const METRICS = {
  http_request_seconds: {
    kind: "histogram",
    help: "Time until the response had ended, by route and status. Streams count until their first byte.",
    labels: ["method", "route", "status"],
    buckets: QUICK,
  },
  jobs_total: {
    kind: "counter",
    help: "Finished runs of jobs, by outcome: completed, retried, failed, returned.",
    labels: ["queue", "name", "outcome"],
  },
  job_seconds: { kind: "histogram", help: "How long a job's handler ran.", labels: ["queue", "name"], buckets: LONG },
  job_wait_seconds: {
    kind: "histogram",
    help: "How long a job waited in its queue before its first attempt.",
    labels: ["queue", "name"],
    buckets: QUICK,
  },
  jobs_stalled_total: { kind: "counter", help: "Jobs found without the worker that had taken them.", labels: ["queue"] },
  workers_recreated_total: { kind: "counter", help: "Workers replaced after a long time without Redis.", labels: ["queue"] },
  queue_jobs: { kind: "gauge", help: "Jobs in the queue, by state.", labels: ["queue", "state"] },
  turns_total: { kind: "counter", help: "Ended turns, by end (completed, failed, error, stopped) and reason.", labels: ["end", "reason"] },
  turn_first_token_seconds: {
    kind: "histogram",
    help: "Time from a message's acceptance to the first token of its answer.",
    labels: [],
    buckets: QUICK,
  },
  attached_streams: { kind: "gauge", help: "Clients that follow a conversation right now, by door.", labels: ["door"] },
  lease_takeovers_total: { kind: "counter", help: "Conversations taken over from a worker that was gone.", labels: [] },
  summaries_total: { kind: "counter", help: "Attempts at a summary, by end: installed, dropped, failed.", labels: ["end"] },
  summary_seconds: { kind: "histogram", help: "How long an attempt at a summary took, by end.", labels: ["end"], buckets: LONG },
  usage_set_aside_total: {
    kind: "counter",
    help: "Times that usage was looked at which cannot be recorded: it is set aside, and looked at again at least once a day.",
    labels: [],
  },
  settlements_due: {
    kind: "gauge",
    help: "What is left to do of payments and is due now, by kind, 200 of each at the most. Told by the process that sweeps.",
    labels: ["kind"],
  },
  unposted_usage_age_seconds: {
    kind: "gauge",
    help: "Age of the oldest usage that is not charged yet, also of turns under way. Told by the process that sweeps.",
    labels: [],
  },
  ledger_faults: { kind: "gauge", help: "Organizations whose books are not in order. Told by the process that sweeps.", labels: [] },
  lost_publishes_total: { kind: "counter", help: "Messages of the live tail that Redis did not take.", labels: [] },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRICS;
