import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { METRICS, type MetricName } from "./metric-table.ts";

/** Jobs of each queue, by state. */
export type QueueCounts = Record<string, Record<string, number>>;

/** What is measured. Durations come in ms and go out in seconds. Labels must be few: never an id, never a raw path. */
export interface Metrics {
  /** `route` is the pattern that matched, for example `/v1/tasks/{id}`. */
  httpRequest(fields: { method: string; route: string; status: number; durationMs: number }): void;
  jobFinished(fields: { queue: string; name: string; outcome: string; durationMs: number; waitedMs: number | null }): void;
  jobStalled(fields: { queue: string }): void;
  workerRecreated(fields: { queue: string }): void;
  turnEnded(fields: { end: "completed" | "failed" | "error" | "stopped"; reason: string | null }): void;
  firstToken(fields: { durationMs: number }): void;
  /** The returned function counts the stream out again; further calls do nothing. */
  streamAttached(fields: { door: string }): () => void;
  leaseTakenOver(): void;
  summaryEnded(fields: { end: "installed" | "dropped" | "failed"; durationMs: number }): void;
  usageSetAside(fields: { count: number }): void;
  /** Null: another process tells it now. */
  settlementsDue(counts: Readonly<Record<string, number>> | null): void;
  booksSeen(fields: { faults: number; unpostedAgeMs: number } | null): void;
  publishLost(): void;
  /** Asks for the queues' lengths at each `render`. Where the answer fails or takes too long they are left out. */
  watchQueues(read: () => Promise<QueueCounts>): void;
  /** Everything, as Prometheus reads it. */
  render(): Promise<{ contentType: string; body: string }>;
}

const PREFIX = "parley_";
const READ_MS = 1_000;

/** Metrics with a registry of their own, so that two gateways in one process do not share them. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: PREFIX });
  const metrics = { counter: new Map<string, Counter>(), gauge: new Map<string, Gauge>(), histogram: new Map<string, Histogram>() };
  for (const [name, row] of Object.entries(METRICS)) {
    const configuration = { name: PREFIX + name, help: row.help, labelNames: [...row.labels], registers: [registry] };
    if (row.kind === "counter") metrics.counter.set(name, new Counter(configuration));
    else if (row.kind === "gauge") metrics.gauge.set(name, new Gauge(configuration));
    else metrics.histogram.set(name, new Histogram({ ...configuration, buckets: [...row.buckets] }));
  }
  // Who does not look at the books has nothing to say of them: a gauge begins with 0 by itself.
  for (const name of ["ledger_faults", "unposted_usage_age_seconds"] as const) metrics.gauge.get(name)?.remove();
  const count = (name: NamesOf<"counter">, labels: Labels = {}, by = 1): void => metrics.counter.get(name)?.inc(labels, by);
  const gauge = (name: NamesOf<"gauge">): Gauge | undefined => metrics.gauge.get(name);
  const observe = (name: NamesOf<"histogram">, ms: number, labels: Labels = {}): void =>
    metrics.histogram.get(name)?.observe(labels, ms / 1_000);

  let readQueues: (() => Promise<QueueCounts>) | undefined;

  async function updateQueues(): Promise<void> {
    if (!readQueues) return;
    const counts = await inTime(readQueues());
    // What is not known must not look like what was known last.
    gauge("queue_jobs")?.reset();
    for (const [queue, states] of Object.entries(counts)) {
      for (const [state, jobs] of Object.entries(states)) gauge("queue_jobs")?.set({ queue, state }, jobs);
    }
  }

  return {
    httpRequest: ({ method, route, status, durationMs }) =>
      observe("http_request_seconds", durationMs, { method, route, status: String(status) }),
    jobFinished({ queue, name, outcome, durationMs, waitedMs }) {
      count("jobs_total", { queue, name, outcome });
      observe("job_seconds", durationMs, { queue, name });
      if (waitedMs !== null) observe("job_wait_seconds", waitedMs, { queue, name });
    },
    jobStalled: ({ queue }) => count("jobs_stalled_total", { queue }),
    workerRecreated: ({ queue }) => count("workers_recreated_total", { queue }),
    turnEnded: ({ end, reason }) => count("turns_total", { end, reason: reason ?? "" }),
    firstToken: ({ durationMs }) => observe("turn_first_token_seconds", durationMs),
    streamAttached({ door }) {
      gauge("attached_streams")?.inc({ door });
      let attached = true;
      return () => {
        if (attached) gauge("attached_streams")?.dec({ door });
        attached = false;
      };
    },
    leaseTakenOver: () => count("lease_takeovers_total"),
    summaryEnded({ end, durationMs }) {
      count("summaries_total", { end });
      observe("summary_seconds", durationMs, { end });
    },
    usageSetAside: ({ count: looks }) => count("usage_set_aside_total", {}, looks),
    settlementsDue(counts) {
      gauge("settlements_due")?.reset();
      for (const [kind, due] of Object.entries(counts ?? {})) gauge("settlements_due")?.set({ kind }, due);
    },
    booksSeen(fields) {
      // Without a value there is no line: nought would say that all is well.
      gauge("ledger_faults")?.remove();
      gauge("unposted_usage_age_seconds")?.remove();
      if (fields === null) return;
      gauge("ledger_faults")?.set(fields.faults);
      gauge("unposted_usage_age_seconds")?.set(fields.unpostedAgeMs / 1_000);
    },
    publishLost: () => count("lost_publishes_total"),
    watchQueues(read) {
      readQueues = read;
    },
    async render() {
      await updateQueues();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

type Labels = Record<string, string>;
type NamesOf<Kind> = { [Name in MetricName]: (typeof METRICS)[Name]["kind"] extends Kind ? Name : never }[MetricName];

/** Nothing where the answer fails or takes too long: a scrape must show the rest even when Redis is away. */
async function inTime(reading: Promise<QueueCounts>): Promise<QueueCounts> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<QueueCounts>((resolve) => (timer = setTimeout(() => resolve({}), READ_MS)));
  try {
    return await Promise.race([reading, late]);
  } catch {
    return {};
  } finally {
    clearTimeout(timer);
  }
}
