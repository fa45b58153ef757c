import { type GatewayError, isGatewayError } from "@parley/contracts";
import type { Response } from "express";
import type { Attachment, Attachments } from "../attachments.ts";
import { onGone } from "../on-gone.ts";

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  connection: "keep-alive",
  "x-accel-buffering": "no",
} as const;
const KEEPALIVE_MS = 10_000;
/** A client that takes nothing for this long is cut off; it may subscribe again. */
const STALLED_MS = 60_000;

interface Opening {
  response: Response;
  credential: string | null;
  attachments: Attachments;
  /** The frame that says why nothing more comes. */
  failure(error: GatewayError): string;
  /** Ends what feeds the stream. */
  stop(): void;
}

/** A stream of `data:` frames. It owns nothing but the connection: when the client leaves, the task goes on. A silent stream gets comments. */
export class EventStream implements Attachment {
  readonly credential: string | null;
  readonly #opening: Opening;
  #lastWriteMs = performance.now();
  #resume: (() => void) | undefined;

  /** Sends the head: refusals that belong in front of it come before. */
  constructor(opening: Opening) {
    this.#opening = opening;
    this.credential = opening.credential;
    const { response, attachments } = opening;
    response.socket?.setNoDelay(true);
    response.writeHead(200, HEAD);
    response.on("drain", () => this.#resume?.());
    const forget = attachments.add(this);
    onGone(response, () => {
      forget();
      this.#resume?.();
    });
  }

  get isOver(): boolean {
    const { response } = this.#opening;
    return response.destroyed || response.writableEnded;
  }

  /** Resolves when the client has taken what was written, or has left. */
  drained(): Promise<void> {
    if (!this.#opening.response.writableNeedDrain || this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  write(text: string): void {
    if (this.isOver) return;
    this.#lastWriteMs = performance.now();
    this.#opening.response.write(text);
  }

  end(): void {
    if (!this.isOver) this.#opening.response.end();
  }

  /** The last frame of a stream that ends before its task does. */
  fail(error: GatewayError): void {
    this.write(this.#opening.failure(error));
    this.end();
  }

  beat(nowMs: number): void {
    const silentMs = nowMs - this.#lastWriteMs;
    const isFull = this.#opening.response.writableNeedDrain;
    if (!isFull && silentMs >= KEEPALIVE_MS) this.write(": keepalive\n\n");
    else if (isFull && silentMs >= STALLED_MS) this.#opening.response.destroy();
  }

  /** A process that stops just ends its streams: who subscribes again finds the task elsewhere. */
  refuse(error: GatewayError): void {
    if (isGatewayError(error, "stream_ended")) this.end();
    else this.fail(error);
    this.#opening.stop();
  }
}
