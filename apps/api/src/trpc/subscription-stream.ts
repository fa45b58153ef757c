import type { GatewayError } from "@parley/contracts";
import { formatError, type Visitor } from "@parley/router";
import { isTrackedEnvelope, TRPCError } from "@trpc/server";
import type { Response } from "express";
import type { Attachment } from "../attachments.ts";
import { CLIENT_LEFT } from "../client-left.ts";

const HEAD = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for this long is cut off; it may come back and resume. */
const STALLED_MS = 60_000;

interface Opening {
  response: Response;
  visitor: Visitor;
}

/**
 * One subscription over SSE, in tRPC's own frames. tRPC's adapter would do the same through a fetch response, four web
 * streams and a timer each, which cost an idle stream more memory than its socket does.
 */
export class SubscriptionStream implements Attachment {
  readonly #visitor: Visitor;
  readonly #response: Response;
  readonly #gone = new AbortController();
  #lastWriteMs = 0;
  #drained: (() => void) | undefined;

  /** Sends head and `connected` in one write, before anything is asked of the database. */
  constructor({ response, visitor }: Opening) {
    this.#response = response;
    this.#visitor = visitor;
    response.once("close", () => this.#close());
    response.on("drain", () => this.#drained?.());
    response.writeHead(200, HEAD);
    this.#write("event: connected\ndata: {}\n\n");
  }

  get credential(): string | null {
    return this.#visitor.credential;
  }

  /** Aborts when the connection is closed, by either side. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Sends all items. Pulls nothing while the client does not take what was written. */
  async send(items: AsyncIterable<unknown>): Promise<void> {
    for await (const item of items) {
      if (this.#isOver) return;
      const [id, data] = isTrackedEnvelope(item) ? item : [undefined, item];
      this.#write(`${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
      if (this.#response.writableNeedDrain) await this.#drain();
    }
  }

  /** Says that the subscription is complete, so that the client does not come back for more. */
  complete(): void {
    this.#end("event: return\ndata: \n\n");
  }

  /** Ends with a typed error; a retryable one makes the client come back. */
  fail(shape: unknown): void {
    this.#end(`event: serialized-error\ndata: ${JSON.stringify(shape)}\n\n`);
  }

  refuse(error: GatewayError): void {
    const cause = new TRPCError({ code: "INTERNAL_SERVER_ERROR", cause: error });
    this.fail(formatError({ error: cause, path: undefined, ctx: undefined }));
  }

  beat(nowMs: number): void {
    const silentMs = nowMs - this.#lastWriteMs;
    if (!this.#response.writableNeedDrain && silentMs >= HEARTBEAT_MS) this.#write("event: ping\ndata: \n\n");
    else if (this.#response.writableNeedDrain && silentMs >= STALLED_MS) this.#response.destroy();
  }

  get #isOver(): boolean {
    return this.#gone.signal.aborted || this.#response.writableEnded;
  }

  #write(text: string): void {
    this.#lastWriteMs = performance.now();
    this.#response.write(text);
  }

  #end(text: string): void {
    if (!this.#isOver) this.#response.end(text);
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  #close(): void {
    this.#gone.abort(CLIENT_LEFT);
    this.#drained?.();
  }
}
