import { compareCursors, GatewayError, type LogEvent, type Usage } from "@parley/contracts";
import { type NamedStream, namedFrame } from "../named-stream.ts";
import { type PlanCursor, writePlanCursor } from "./plan-cursor.ts";
import { failureOf, type PlanFailure, type PlanFrame, usageFrame } from "./plan-frame.ts";
import { isSuperseded, type PlanEnd, PlanTeller } from "./plan-teller.ts";

const DONE: PlanFrame = { event: "done", data: {} };

interface Telling {
  stream: NamedStream;
  /** Where the stream goes on. */
  at: PlanCursor;
  /** Reads what a turn has used that has not ended. */
  usageSoFar(): Promise<Usage>;
}

/** Tells one plan's stream from the log of its conversation. Every frame's id says how to go on right behind it. */
export class PlanTelling {
  /** `done` was sent. */
  isOver = false;
  readonly #telling: Telling;
  readonly #teller: PlanTeller;
  #at: PlanCursor;
  #hasCaughtUp = false;

  constructor(telling: Telling) {
    this.#telling = telling;
    this.#at = telling.at;
    this.#teller = new PlanTeller(telling.at);
  }

  async tell(event: LogEvent): Promise<void> {
    // What a reader has that comes back is only folded.
    if (compareCursors(event.cursor, this.#at.seen) <= 0) return this.#fold(event);
    const skipped = this.#catchUp();
    const before = this.#teller.told;
    const frames = this.#framesOf(event);
    const all = this.#teller.end === null ? frames : [...frames, ...(await this.#lastFrames(this.#teller.end))];
    const { seen } = this.#at;
    for (const [index, frame] of all.entries()) {
      const isLast = index === all.length - 1;
      // Whoever comes back in the middle is told the event again, without the frames that it has.
      this.#at = isLast
        ? { ...this.#at, seen: event.cursor, frames: 0, text: this.#teller.told }
        : { ...this.#at, seen, frames: index + 1, text: before };
      if (index >= skipped) await this.#send(frame);
    }
    if (all.length === 0) this.#at = { ...this.#at, seen: event.cursor, frames: 0, text: this.#teller.told };
    this.isOver = this.#teller.end !== null;
  }

  /** Ends a stream whose plan goes on, or never began. */
  async fail(error: GatewayError): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    await this.#send({ event: "error", data: this.#failureData(failureOf(error)) });
    await this.#send(DONE);
  }

  /** The same in one piece, for a stream that is cut off from outside. */
  farewell(error: GatewayError): string {
    this.isOver = true;
    return this.#frame({ event: "error", data: this.#failureData(failureOf(error)) }) + this.#frame(DONE);
  }

  /** The first frames. */
  opening(session: object): string {
    return this.#frame({ event: "session", data: session });
  }

  async #fold(event: LogEvent): Promise<void> {
    try {
      this.#teller.take(event);
    } catch (error) {
      // What is void by it was told to be so.
      if (!isSuperseded(error)) throw error;
    }
    if (this.#teller.end === null) return;
    this.isOver = true;
    await this.#send(DONE);
  }

  /** Frames of the next event that the reader has. */
  #catchUp(): number {
    if (this.#hasCaughtUp) return 0;
    this.#hasCaughtUp = true;
    this.#teller.resume(this.#at.text);
    return this.#at.frames;
  }

  #framesOf(event: LogEvent): PlanFrame[] {
    try {
      return this.#teller.take(event);
    } catch (error) {
      // Behind it all that follows counts.
      this.#at = { ...this.#at, seen: event.cursor, frames: 0, text: this.#teller.told };
      throw error;
    }
  }

  async #lastFrames({ stopReason, usage, failure }: PlanEnd): Promise<PlanFrame[]> {
    const { conversationId } = this.#at;
    const used = usageFrame(usage ?? (await this.#telling.usageSoFar()));
    const final = { event: "final", data: { session_id: conversationId, stop_reason: stopReason, usage: used } };
    return failure === null ? [final, DONE] : [final, { event: "error", data: this.#failureData(failure) }, DONE];
  }

  #failureData(failure: PlanFailure) {
    return { session_id: this.#at.conversationId, ...failure, last_event_id: writePlanCursor(this.#at) };
  }

  #frame({ event, data }: PlanFrame): string {
    return namedFrame(event, data, writePlanCursor(this.#at));
  }

  #send(frame: PlanFrame): Promise<void> {
    return this.#telling.stream.send(this.#frame(frame));
  }
}

export const ended = (): GatewayError => new GatewayError("stream_ended");
