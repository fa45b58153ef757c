import type { GatewayError } from "@parley/contracts";
import type { Response } from "express";
import type { Attachment, Attachments } from "./attachments.ts";
import { CLIENT_LEFT } from "./client-left.ts";
import { onGone } from "./on-gone.ts";

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  connection: "keep-alive",
  "x-accel-buffering": "no",
} as const;

const PING_MS = 15_000;
/** A client that takes nothing for this long is cut off; it may come back and resume. */
const STALLED_MS = 60_000;

interface Opening {
  response: Response;
  credential: string | null;
  /** What a client is sent that was told nothing for a while. */
  ping: string;
  /** The last frame of a stream that is ended from here. */
  farewell(error: GatewayError): string;
}

/** One frame; `data` is sent as JSON, an absent one as nothing. */
export const namedFrame = (event: string, data?: unknown, id?: string): string =>
  `event: ${event}\ndata: ${data === undefined ? "" : JSON.stringify(data)}\n${id === undefined ? "" : `id: ${id}\n`}\n`;

/** A stream of named events. It owns nothing but the connection, and has no timer of its own, see `Attachments`. */
export class NamedStream implements Attachment {
  readonly #opening: Opening;
  readonly #gone = new AbortController();
  #lastPingMs = performance.now();
  #lastTakenMs = performance.now();
  /** Several parts of a stream may wait at once. */
  #waiting: (() => void)[] = [];

  constructor(opening: Opening) {
    this.#opening = opening;
    onGone(opening.response, () => {
      this.#gone.abort(CLIENT_LEFT);
      this.#goOn();
    });
    opening.response.on("drain", () => {
      this.#lastTakenMs = performance.now();
      this.#goOn();
    });
  }

  get credential(): string | null {
    return this.#opening.credential;
  }

  /** Aborts when the connection is closed, by either side. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  get isOver(): boolean {
    const { response } = this.#opening;
    return this.signal.aborted || response.destroyed || response.writableEnded;
  }

  /** Sends the head and the first frames in one write; the stream is looked after from then on. */
  open(attachments: Attachments, frames: string): void {
    if (this.isOver) return;
    const { response } = this.#opening;
    response.socket?.setNoDelay(true);
    response.writeHead(200, HEAD);
    this.#write(frames);
    this.signal.addEventListener("abort", attachments.add(this), { once: true });
  }

  /** Resolves when the client takes more. */
  async send(frame: string): Promise<void> {
    if (this.isOver) return;
    this.#write(frame);
    if (!this.#opening.response.writableNeedDrain) return;
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  end(): void {
    if (!this.isOver) this.#opening.response.end();
  }

  beat(nowMs: number): void {
    const { response, ping } = this.#opening;
    if (response.writableNeedDrain) {
      if (nowMs - this.#lastTakenMs >= STALLED_MS) response.destroy();
      return;
    }
    this.#lastTakenMs = nowMs;
    if (nowMs - this.#lastPingMs < PING_MS) return;
    this.#lastPingMs = nowMs;
    this.#write(ping);
  }

  refuse(error: GatewayError): void {
    if (this.isOver) return;
    this.#write(this.#opening.farewell(error));
    this.end();
  }

  #goOn(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #write(text: string): void {
    if (!this.isOver) this.#opening.response.write(text);
  }
}
