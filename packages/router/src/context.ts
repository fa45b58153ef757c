import type { Caller, Gateway, Log } from "@parley/domain";

/** Counts one more stream of the caller's; returns what counts it out again, which may be called twice. Throws `too_many_streams`. */
export type OpenStream = (caller: Caller) => () => void;

/** What a procedure gets from its door. The caller is found by `authorize`, because public procedures need none. */
export interface Context {
  gateway: Gateway;
  log: Log;
  /** The key as it was sent; null when none was. */
  credential: string | null;
  /** The `Idempotency-Key` header; null where there is none, or where the transport has no headers for each call. */
  idempotencyHeader: string | null;
  openStream: OpenStream;
}
