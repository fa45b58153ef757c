import { type GatewayError, isGatewayError } from "@parley/contracts";
import type { Response } from "express";
import type { Attachment, Attachments } from "../attachments.ts";
import { onGone } from "../on-gone.ts";
import { openaiError, sendOpenaiError } from "./send-error.ts";

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;
const KEEPALIVE_MS = 10_000;
/** A client that takes nothing for this long is cut off. */
const STALLED_MS = 60_000;

interface Opening {
  response: Response;
  credential: string | null;
  attachments: Attachments;
  /** Streams that belong to one call are let finish when the process stops; those that follow a turn go on elsewhere. */
  endsWithProcess: boolean;
  /** Ends what feeds the stream. */
  stop(reason: GatewayError): void;
}

/**
 * A stream of `data:` lines, whose head goes out with the first of them: until then a failure is a plain HTTP error, from then on it is the
 * stream's last frame, with no `[DONE]` behind it. A silent stream gets comments.
 */
export class EventStream implements Attachment {
  readonly credential: string | null;
  readonly #opening: Opening;
  readonly #openedMs = performance.now();
  #lastWriteMs = this.#openedMs;
  #resume: (() => void) | undefined;

  constructor(opening: Opening) {
    this.#opening = opening;
    this.credential = opening.credential;
    opening.response.on("drain", () => this.#resume?.());
    const forget = opening.attachments.add(this);
    onGone(opening.response, () => {
      forget();
      this.#resume?.();
    });
  }

  get isOver(): boolean {
    const { response } = this.#opening;
    return response.destroyed || response.writableEnded;
  }

  get isFull(): boolean {
    return this.#opening.response.writableNeedDrain;
  }

  /** Resolves when the client has taken what was written, or has left. */
  drained(): Promise<void> {
    if (!this.isFull || this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  write(text: string): void {
    if (this.isOver) return;
    const { response } = this.#opening;
    if (!response.headersSent) {
      response.socket?.setNoDelay(true);
      response.writeHead(200, HEAD);
    }
    this.#lastWriteMs = performance.now();
    response.write(text);
  }

  /** The end of a whole answer. */
  done(): void {
    this.write("data: [DONE]\n\n");
    if (!this.isOver) this.#opening.response.end();
  }

  /** The end of one that is not whole. */
  fail(error: GatewayError, more?: Record<string, unknown>): void {
    if (this.isOver) return;
    const { response } = this.#opening;
    if (!response.headersSent) return sendOpenaiError(response, error, more);
    this.write(`data: ${JSON.stringify(openaiError(error, more))}\n\n`);
    response.end();
  }

  beat(nowMs: number): void {
    const silentMs = nowMs - this.#lastWriteMs;
    if (!this.isFull && silentMs >= KEEPALIVE_MS) this.write(": keepalive\n\n");
    else if (this.isFull && silentMs >= STALLED_MS) this.#opening.response.destroy();
  }

  refuse(error: GatewayError): void {
    if (isGatewayError(error, "stream_ended") && !this.#opening.endsWithProcess) return;
    this.fail(error);
    this.#opening.stop(error);
  }
}
