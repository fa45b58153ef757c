import { GatewayError, isGatewayError } from "@parley/contracts";
import type { SseStream } from "./sse-stream.ts";

/** Together with the few seconds that a credential is believed, a revoked key's streams end within 5 s. */
const LOOK_EVERY_MS = 2_000;
/** A client that takes nothing for this long is cut off; it may come back and resume. */
const STALLED_MS = 60_000;

interface Settings {
  /** A silent stream gets a comment this often. */
  heartbeatMs: number;
  /** Throws `unauthenticated` when the credential is not good any more. */
  authenticate: (credential: string) => Promise<unknown>;
  onCount: (open: number) => void;
}

/** All open streams of this process, under one timer, so that an idle stream costs a connection and little else. */
export class OpenStreams {
  readonly #streams = new Set<SseStream>();
  readonly #settings: Settings;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closing = false;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Sends the stream's head and looks after it until it is over. */
  connect(stream: SseStream): void {
    stream.connect();
    if (stream.isOver) return;
    if (this.#closing) return stream.refuse(new GatewayError("stream_ended"));
    this.#streams.add(stream);
    this.#settings.onCount(this.#streams.size);
    this.#timer ??= setInterval(() => void this.#look(), Math.min(LOOK_EVERY_MS, this.#settings.heartbeatMs)).unref();
    stream.signal.addEventListener("abort", () => this.#forget(stream), { once: true });
  }

  /** Ends all streams, and each that still comes; clients go on elsewhere after their last cursor. */
  close(): void {
    this.#closing = true;
    for (const stream of this.#streams) stream.refuse(new GatewayError("stream_ended"));
  }

  #forget(stream: SseStream): void {
    this.#streams.delete(stream);
    this.#settings.onCount(this.#streams.size);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    this.#beat();
    if (this.#looking) return;
    this.#looking = true;
    await this.#endRevoked();
    this.#looking = false;
  }

  #beat(): void {
    const now = performance.now();
    for (const stream of this.#streams) {
      const silentMs = now - stream.lastWriteMs;
      if (!stream.isFull && silentMs >= this.#settings.heartbeatMs) stream.ping();
      else if (stream.isFull && silentMs >= STALLED_MS) stream.cut();
    }
  }

  /** Each credential is asked for once, however many streams it has. */
  async #endRevoked(): Promise<void> {
    const credentials = new Set<string>();
    for (const stream of this.#streams) credentials.add(stream.credential);
    const revoked = new Set<string>();
    await Promise.all(
      Array.from(credentials, (credential) =>
        this.#settings.authenticate(credential).catch((error: unknown) => {
          // Anything else says that it cannot be known now: the stream stays, the next look asks again.
          if (isGatewayError(error, "unauthenticated")) revoked.add(credential);
        }),
      ),
    );
    for (const stream of revoked.size === 0 ? [] : this.#streams) {
      if (revoked.has(stream.credential)) stream.refuse(new GatewayError("unauthenticated"));
    }
  }
}
