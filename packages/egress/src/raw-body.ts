import type { Dispatcher } from "undici";

/** More than this that nobody has read yet, and the other side has to wait. */
const BUFFERED_BYTES = 65_536;

/** A response's bytes as they come in: all that is there at a time as one piece. To be read once, or cancelled. */
export class RawBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array, undefined> {
  readonly #control: Dispatcher.DispatchController;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #state: "open" | "ended" | "failed" = "open";
  #error: unknown;
  #wake: (() => void) | null = null;

  constructor(control: Dispatcher.DispatchController) {
    this.#control = control;
  }

  push(piece: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#pieces.push(piece);
    this.#bytes += piece.byteLength;
    if (this.#bytes > BUFFERED_BYTES) this.#control.pause();
    this.#wake?.();
  }

  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#wake?.();
  }

  /** What came before the failure is still read. */
  fail(error: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#error = error;
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#pieces.length === 0 && this.#state === "open") {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const [first] = this.#pieces;
    if (first === undefined) {
      if (this.#state === "failed") throw this.#error;
      return { done: true, value: undefined };
    }
    const value = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#pieces = [];
    const wasFull = this.#bytes > BUFFERED_BYTES;
    this.#bytes = 0;
    // Last: it may push what waits in the socket before it returns.
    if (wasFull) this.#control.resume();
    return { done: false, value };
  }

  /** The reader gives up: closes the connection where more was to come. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.cancel();
    return { done: true, value: undefined };
  }

  cancel(): void {
    const isOpen = this.#state === "open";
    this.#state = "ended";
    this.#pieces = [];
    if (isOpen) this.#control.abort(new Error("the reader gave up"));
    this.#wake?.();
  }
}
