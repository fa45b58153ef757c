import { type Cursor, isGatewayError, type Limits, type LogEvent, makeCursor, type TextSoFar } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { LiveTail } from "../log/live-tail.ts";
import { outlastOutage } from "./outlast-outage.ts";
import { TurnAbort } from "./turn-abort.ts";
import type { ClaimedTurn, CommitResult, TurnChanges, TurnStore, UsageLine } from "./turn-store.ts";

/** Deltas are joined: the first goes at once, then at most one write per this time. */
const DELTA_FLUSH_MS = 25;
/** While Redis keeps no deltas, readers get the whole text this often instead. */
const SNAPSHOT_MS = 2_000;
const CHECKPOINT_CHARS = 4_096;

interface Ports {
  store: TurnStore;
  tail: LiveTail;
  clock: Clock;
  leaseMs: number;
  limits: Pick<Limits, "answerCharsMax" | "wakesInARowMax">;
  /** Called once when a write shows that the turn is no longer ours, or must stop. */
  onAbort: (abort: TurnAbort) => void;
  onFirstText: () => void;
  /** So much was said since the last checkpoint that the next heartbeat is too far away. */
  onCheckpointDue: () => void;
}

interface OpenText {
  step: number;
  text: string;
  /** How much of `text` has been published. */
  sent: number;
  /** The cursor of its first published piece. */
  from: Cursor | null;
}

export type Committed = Extract<CommitResult, { outcome: "ok" }>;

/**
 * The one writer of a running turn's log. Gives out the dense `n`, joins deltas, and lets one write follow the other,
 * so that what readers see is in the order of its cursors.
 */
export class TurnLog {
  /** When a write last proved that the lease is ours; monotonic ms. */
  renewedAtMs: number;
  /** A message waits to be taken at the next step boundary. */
  hasSteer: boolean;
  readonly #claim: ClaimedTurn;
  readonly #ports: Ports;
  readonly #texts = new Map<string, OpenText>();
  #n: number;
  #queue: Promise<unknown> = Promise.resolve();
  #flushing = false;
  #flushTimer: NodeJS.Timeout | undefined;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #firstDeltas = true;
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #textChanged = false;
  /** Characters since the last checkpoint. */
  #uncheckedChars = 0;
  #anyText = false;
  #closed = false;

  constructor(claim: ClaimedTurn, ports: Ports) {
    this.#claim = claim;
    this.#ports = ports;
    this.#n = claim.n;
    this.hasSteer = claim.hasSteer;
    this.renewedAtMs = ports.clock.monotonicMs();
  }

  /** Adds to an execution's text of its current step; published soon, never awaited. */
  delta(executionId: string, step: number, text: string): void {
    if (this.#closed || text === "") return;
    if (!this.#anyText) this.#ports.onFirstText();
    this.#anyText = true;
    let open = this.#texts.get(executionId);
    if (open === undefined || open.step !== step) {
      open = { step, text: "", sent: 0, from: null };
      this.#texts.set(executionId, open);
    }
    open.text += text;
    this.#textChanged = true;
    this.#uncheckedChars += text.length;
    if (this.#uncheckedChars >= CHECKPOINT_CHARS) {
      this.#uncheckedChars = 0;
      this.#ports.onCheckpointDue();
    }
    if (open.text.length > this.#ports.limits.answerCharsMax) throw new TurnAbort("answer_too_long");
    this.#scheduleFlush();
  }

  /** The text of an execution's unfinished step. */
  textOf(executionId: string): string {
    return (this.#texts.get(executionId)?.text ?? "").toWellFormed();
  }

  /**
   * Forgets an unfinished text: what follows starts anew. Returns the cursor from which readers must discard, or null
   * when they have seen nothing of it.
   */
  discard(executionId: string): Cursor | null {
    const from = this.#texts.get(executionId)?.from ?? null;
    this.#texts.delete(executionId);
    return from;
  }

  /** What a checkpoint should keep, or null when nothing is new since the last. */
  takeCheckpoint(): TextSoFar[] | null {
    if (!this.#textChanged) return null;
    this.#textChanged = false;
    this.#uncheckedChars = 0;
    // Only what has a cursor: the checkpoint's text and cursor belong together.
    return [...this.#texts].map(([executionId, open]) => ({
      executionId,
      step: open.step,
      text: open.text.slice(0, open.sent).toWellFormed(),
    }));
  }

  /** The checkpoint taken last was not kept: the next one takes its text again. */
  checkpointFailed(): void {
    this.#textChanged = true;
  }

  /** Where the log stands, for the fence of other writes. */
  get fence() {
    const { organizationId, conversationId, epoch, turn } = this.#claim;
    return { organizationId, conversationId, epoch, n: this.#n, turnId: turn.id };
  }

  /**
   * Writes to the log, atomically and behind the fence, then tells the followers. The executions named in `sealed` have
   * their text in one of the events and start anew. Throws `TurnAbort` when the turn is no longer ours or must stop.
   */
  commit(changes: TurnChanges, sealed: string[] = []): Promise<Committed> {
    return this.#serially(async () => {
      this.#flush();
      const result = await this.#write(changes);
      for (const executionId of sealed) this.#texts.delete(executionId);
      if (changes.finish !== undefined || changes.pause !== undefined) this.close();
      return result;
    });
  }

  /**
   * Hands the turn on behind every write so far: one that a nudge brings meanwhile must not be overtaken, or the next epoch would follow an
   * older place in the log. False when the turn had passed on already.
   */
  giveBack(usage: UsageLine[]): Promise<boolean> {
    return this.#serially(() => {
      this.close();
      const { store, clock } = this.#ports;
      return outlastOutage(clock, () => store.giveBack(this.fence, usage));
    });
  }

  /** Resolves when every write so far is done. */
  async settled(): Promise<void> {
    await this.#queue;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#flushTimer);
  }

  #scheduleFlush(): void {
    if (this.#flushTimer !== undefined || this.#flushing) return;
    const wait = this.#lastFlushMs + DELTA_FLUSH_MS - this.#ports.clock.monotonicMs();
    if (wait <= 0) {
      this.#flushSoon();
      return;
    }
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      this.#flushSoon();
    }, wait);
  }

  #flushSoon(): void {
    this.#flushing = true;
    void this.#serially(async () => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /**
   * Gives the unsent text its cursors and sends it; none once the log is closed, as the next holder may have them by then. Runs within the
   * queue; not awaited, as Redis keeps the order.
   */
  #flush(): void {
    if (this.#closed) return;
    const events: LogEvent[] = [];
    const at = new Date(this.#ports.clock.now()).toISOString();
    for (const [executionId, open] of this.#texts) {
      if (open.sent === open.text.length) continue;
      this.#n += 1;
      const cursor = makeCursor({ epoch: this.#claim.epoch, n: this.#n });
      open.from ??= cursor;
      events.push({
        cursor,
        type: "turn.delta",
        executionId,
        turnId: this.#claim.turn.id,
        at,
        data: { step: open.step, offset: open.sent, text: open.text.slice(open.sent) },
      });
      open.sent = open.text.length;
    }
    if (events.length === 0) return;
    this.#lastFlushMs = this.#ports.clock.monotonicMs();
    const first = this.#firstDeltas;
    this.#firstDeltas = false;
    this.#ports.tail.appendDeltas({ conversationId: this.#claim.conversationId, events }, { first }).then(
      (kept) => {
        if (kept === "lost") this.#lost();
      },
      (error: unknown) => {
        if (isGatewayError(error, "stale_epoch")) this.#abort(new TurnAbort("lease_lost"));
      },
    );
  }

  /** Redis forgot the deltas: the whole text goes into the durable log, and the list may start again. */
  #lost(): void {
    this.#firstDeltas = true;
    const now = this.#ports.clock.monotonicMs();
    if (this.#closed || now - this.#lostAtMs < SNAPSHOT_MS) return;
    this.#lostAtMs = now;
    this.#serially(async () => {
      if (this.#closed || this.#texts.size === 0) return;
      // The snapshot carries all text there is: nothing of it is left to be sent as a delta, and all of it will have been seen.
      const from = makeCursor({ epoch: this.#claim.epoch, n: this.#n + 1 });
      for (const open of this.#texts.values()) {
        open.sent = open.text.length;
        open.from ??= from;
      }
      const texts = [...this.#texts].map(([executionId, open]) => ({ executionId, step: open.step, text: open.text.toWellFormed() }));
      const { conversationId, turn } = this.#claim;
      await this.#write({ events: [{ type: "turn.snapshot", executionId: conversationId, turnId: turn.id, data: { texts } }] });
    }).catch(() => undefined);
  }

  async #write(changes: TurnChanges): Promise<Committed> {
    const askedAtMs = this.#ports.clock.monotonicMs();
    const { store, leaseMs, limits } = this.#ports;
    // Safe to repeat: the store knows by `n` whether it was committed before. Should somebody else take over meanwhile, the fence says so.
    const bounds = { leaseMs, wakesMax: limits.wakesInARowMax };
    const result = await outlastOutage(this.#ports.clock, () => store.commit(this.fence, changes, bounds));
    if (result.outcome === "stale") throw this.#abort(new TurnAbort("lease_lost"));
    if (result.outcome === "stopped") throw this.#abort(new TurnAbort(result.reason));
    this.renewedAtMs = askedAtMs;
    this.#n = result.n;
    this.hasSteer = result.hasSteer;
    if (result.events.length > 0) {
      this.#ports.tail.publish({ conversationId: this.#claim.conversationId, events: result.events });
    }
    return result;
  }

  #abort(abort: TurnAbort): TurnAbort {
    if (abort.reason === "lease_lost") this.close();
    this.#ports.onAbort(abort);
    return abort;
  }

  #serially<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
