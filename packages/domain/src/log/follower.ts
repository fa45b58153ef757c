import { type Cursor, compareCursors, type LogEvent } from "@parley/contracts";

/** What a follower waited for. `again`: something may have been missed, read the log. */
export type Woken = "events" | "again" | "closed" | "timeout";

/**
 * One reader's place in a conversation's log, and what the live tail brought since. Bounded: a reader that is slower
 * than the conversation loses its buffer, never an event, because it reads the log again.
 */
export class Follower {
  readonly organizationId: string;
  readonly conversationId: string;
  /** When its stream's lifetime is over; monotonic ms. */
  readonly endsAtMs: number;
  /** The last event that was handed on. */
  position: Cursor;
  /** Deltas before the position were missed, and nothing has made up for them yet. */
  broken = false;
  /** Called once, when the following is over. */
  onClose: (() => void) | undefined;
  readonly #bufferMax: number;
  #buffer: LogEvent[] = [];
  #again = false;
  #closed = false;
  #wake: ((woken: Woken) => void) | undefined;

  constructor(
    key: { organizationId: string; conversationId: string },
    position: Cursor,
    { endsAtMs, bufferMax }: { endsAtMs: number; bufferMax: number },
  ) {
    this.organizationId = key.organizationId;
    this.conversationId = key.conversationId;
    this.position = position;
    this.endsAtMs = endsAtMs;
    this.#bufferMax = bufferMax;
  }

  /** From the live tail; null says that something may have been missed. */
  push(events: LogEvent[] | null): void {
    if (this.#closed) return;
    if (events === null || this.#buffer.length + events.length > this.#bufferMax) {
      this.#buffer = [];
      this.#again = true;
    } else {
      this.#buffer.push(...events);
    }
    this.#wake?.(this.#again ? "again" : "events");
  }

  /** The durable head is known to be there: read the log when it is beyond the position. */
  mustReach(head: Cursor): void {
    if (compareCursors(head, this.position) > 0) this.push(null);
  }

  /** Waits until there is something to do. `timeoutMs` only while a hole is waiting to be closed. */
  async wait(timeoutMs?: number): Promise<Woken> {
    if (this.#closed) return "closed";
    if (this.#again) return "again";
    if (this.#buffer.length > 0) return "events";
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#wake?.("timeout"), timeoutMs);
      this.#wake = (woken) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(woken);
      };
    });
  }

  /** Hands over what the tail brought and forgets that the log had to be read. */
  take(): LogEvent[] {
    const events = this.#buffer;
    this.#buffer = [];
    this.#again = false;
    return events;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer = [];
    this.#wake?.("closed");
    this.onClose?.();
  }
}
