import type { GatewayError } from "@parley/contracts";
import type { Gateway, Log } from "@parley/domain";

/** One stream of a caller, as long as the gateway lets it live. */
export interface OpenStream {
  /** Aborts when the caller leaves, when their credential is revoked, and when the process shuts down. */
  signal: AbortSignal;
  /** Why the gateway ended it; null when the caller left, or when nothing ended it. */
  refusal(): GatewayError | null;
  /** Forgets the stream. Call it once, however the stream ended. */
  close(): void;
}

/** What a procedure gets. The caller is known only after `authenticate`, because public procedures need none. */
export interface Context {
  gateway: Gateway;
  log: Log;
  /** The key as it was sent; null when none was. */
  credential: string | null;
  /** Starts a stream that ends no later than `leaving` aborts. */
  openStream(leaving: AbortSignal | undefined): OpenStream;
}
