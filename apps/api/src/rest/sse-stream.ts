import { ERRORS, type GatewayError } from "@parley/contracts";
import type { Response } from "express";
import type { Attachment, Attachments } from "../attachments.ts";
import { CLIENT_LEFT } from "../client-left.ts";
import { onGone } from "../on-gone.ts";

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  connection: "keep-alive",
  "x-accel-buffering": "no",
} as const;

const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for this long is cut off; it may come back and resume. */
const STALLED_MS = 60_000;

interface Opening {
  response: Response;
  credential: string | null;
  organizationId: string;
  /** The conversation, where the request names one. */
  conversationId?: string | undefined;
}

/** One frame: a single `data:` line of JSON, under the cursor that a reader may resume from. */
const frame = (data: unknown, id?: string): string => `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;

/**
 * One open event stream. It owns nothing but the connection: when the client leaves, `signal` aborts and whoever
 * writes stops reading the log; the turn goes on. It has no timer of its own, see `Attachments`.
 */
export class SseStream implements Attachment {
  readonly credential: string | null;
  readonly #response: Response;
  readonly #organizationId: string;
  readonly #gone = new AbortController();
  #taskId: string;
  #lastId: string | undefined;
  #lastWriteMs = 0;
  #resume: (() => void) | undefined;

  constructor({ response, credential, organizationId, conversationId }: Opening) {
    this.#response = response;
    this.#organizationId = organizationId;
    this.#taskId = conversationId ?? "";
    this.credential = credential;
    onGone(response, () => this.#close());
    response.on("drain", () => this.#resume?.());
  }

  /** Sends head and `connected` in one write, and is looked after from then on. Nothing may be sent before. */
  connect(attachments: Attachments): void {
    if (this.isOver) return;
    this.#response.socket?.setNoDelay(true);
    this.#response.writeHead(200, HEAD);
    this.#write(frame(this.#own("connected", this.#taskId === "" ? {} : { conversation_id: this.#taskId })));
    // Node gathers the writes of one tick; this one leaves before anything else is begun.
    this.#response.socket?.uncork();
    this.signal.addEventListener("abort", attachments.add(this), { once: true });
  }

  /** Aborts when the connection is closed, by either side. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Nothing more goes out: the client left, or the last frame was sent. */
  get isOver(): boolean {
    return this.#gone.signal.aborted || this.#response.destroyed || this.#response.writableEnded;
  }

  /** The client does not take what was written: nothing more should be pulled for it. */
  get isFull(): boolean {
    return this.#response.writableNeedDrain;
  }

  /** Sends one event; `id` is where a reader that has it may resume. */
  send(event: { task_id: string }, id: string): void {
    this.#lastId = id;
    this.#write(frame(event, id));
  }

  /** Names the conversation for the stream's own frames, once it is known. */
  about(conversationId: string): void {
    this.#taskId = conversationId;
  }

  beat(nowMs: number): void {
    const silentMs = nowMs - this.#lastWriteMs;
    if (!this.isFull && silentMs >= HEARTBEAT_MS) this.#write(": ping\n\n");
    else if (this.isFull && silentMs >= STALLED_MS) this.#response.destroy();
  }

  /** Resolves when the client has taken what was written, or has left. */
  drained(): Promise<void> {
    if (!this.isFull || this.isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  end(): void {
    if (!this.isOver) this.#response.end();
  }

  /**
   * Ends with the one typed terminal event: `{type: "error", data: {code, message, status, retry}}`, under the last
   * cursor, or under none where nothing was told yet. With `retry` the client may come back with `Last-Event-ID`.
   */
  refuse(error: GatewayError): void {
    const { http: status, retry } = ERRORS[error.code];
    this.#write(frame(this.#own("error", { code: error.code, message: error.message, status, retry }), this.#lastId));
    this.end();
  }

  #own(type: string, data: unknown) {
    return { type, task_id: this.#taskId, organization_id: this.#organizationId, time: new Date().toISOString(), data };
  }

  #write(text: string): void {
    if (this.isOver) return;
    this.#lastWriteMs = performance.now();
    this.#response.write(text);
  }

  #close(): void {
    this.#gone.abort(CLIENT_LEFT);
    this.#resume?.();
  }
}
