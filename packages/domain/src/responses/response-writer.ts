import { isGatewayError } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import { outlastOutage } from "../turn/outlast-outage.ts";
import { EVENTS_AT_START, tellFollowers } from "./background-response.ts";
import type { ResponseEvent, ResponseSnapshot } from "./response.ts";
import type { ResponseKey, ResponseStore } from "./response-store.ts";

export interface WriterPorts {
  responses: ResponseStore;
  tail: Pick<LiveTail, "publish">;
  clock: Clock;
  log: Log;
}

/** What is told within this time is written together. */
const GATHER_MS = 100;
/** What is begun outside needs a renewal younger than this part of the lease. */
const FRESH_SHARE = 0.6;

/** Writes one response, as the only one who may. */
export class ResponseWriter {
  /** Aborts when another has the right to write, or the response was ended. */
  readonly lost = new AbortController();
  readonly epoch: number;
  readonly #ports: WriterPorts;
  readonly #key: ResponseKey;
  readonly #leaseMs: number;
  #first = EVENTS_AT_START;
  #waiting: string[] = [];
  #snapshot: ResponseSnapshot | null = null;
  #renewedMs: number;
  #writing: Promise<void> = Promise.resolve();

  constructor(ports: WriterPorts, key: ResponseKey, { epoch, leaseMs }: { epoch: number; leaseMs: number }) {
    this.#ports = ports;
    this.#key = key;
    this.epoch = epoch;
    this.#leaseMs = leaseMs;
    this.#renewedMs = ports.clock.monotonicMs();
  }

  /** The number of events that are to be told or have been. */
  get told(): number {
    return this.#first + this.#waiting.length;
  }

  /** Takes what was said, and writes it together with what comes soon. While Postgres is away it waits here. */
  async add(events: readonly ResponseEvent[]): Promise<void> {
    this.#take(events);
    if (this.#sinceRenewalMs() < GATHER_MS) return;
    await this.#write().catch((error: unknown) => {
      if (!isGatewayError(error, "storage_unavailable")) throw error;
    });
  }

  /** Writes these events, and the response as it is with them, however long Postgres is away. An ended one is written no further. */
  async put(events: readonly ResponseEvent[], snapshot: ResponseSnapshot, signal: AbortSignal): Promise<void> {
    this.#take(events);
    this.#snapshot = snapshot;
    await outlastOutage(this.#ports.clock, () => this.#write(), signal);
  }

  /** Before something is begun outside: throws where another may have the right to write by now. */
  async ensureHeld(signal: AbortSignal): Promise<void> {
    if (this.#sinceRenewalMs() < this.#leaseMs * FRESH_SHARE) return;
    await outlastOutage(this.#ports.clock, () => this.#write(), signal);
  }

  /** Renews the right to write until the signal aborts, or another has it. */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    const over = AbortSignal.any([signal, this.lost.signal]);
    while (!over.aborted) {
      await clock.sleep(Math.min(this.#leaseMs / 3, 1_000), over);
      if (over.aborted) return;
      await this.#write().catch((error: unknown) => log.debug({ err: error }, "a response was not written"));
    }
  }

  #take(events: readonly ResponseEvent[]): void {
    this.#waiting.push(...events.map(({ text }) => text));
  }

  #sinceRenewalMs(): number {
    return this.#ports.clock.monotonicMs() - this.#renewedMs;
  }

  /** One at a time. A write whose outcome is not known is made again with the same first number. */
  #write(): Promise<void> {
    this.#writing = this.#writing.catch(() => {}).then(() => this.#append());
    return this.#writing;
  }

  async #append(): Promise<void> {
    // More may come to wait meanwhile.
    const events = [...this.#waiting];
    const snapshot = this.#snapshot;
    const progress = { epoch: this.epoch, first: this.#first, events, leaseMs: this.#leaseMs };
    const startedMs = this.#ports.clock.monotonicMs();
    try {
      await this.#ports.responses.append(this.#key, { ...progress, snapshot, status: snapshot?.status ?? "in_progress" });
    } catch (error) {
      if (isGatewayError(error, "stale_epoch")) this.lost.abort(error);
      throw error;
    }
    this.#first += events.length;
    this.#waiting = this.#waiting.slice(events.length);
    if (this.#snapshot === snapshot) this.#snapshot = null;
    this.#renewedMs = startedMs;
    if (events.length > 0) tellFollowers(this.#ports, this.#key);
  }
}
