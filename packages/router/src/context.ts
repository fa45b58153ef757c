import type { RateBucket } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import type { CallWindow, RouteRow } from "./routes/route-row.ts";

/** Counts one more stream of the caller's; returns what counts it out again, which may be called twice. Throws `too_many_streams`. */
export type OpenStream = (caller: Caller) => () => void;

/** What of a route decides which credentials open it. */
export type EntryFact = "mutating" | "attaches" | "takesTicket";

/** Who stands at the door with one request, or with one socket. */
export interface Visitor {
  /** What it was let in with; asked again as long as its connection lives. Null where there is none, or none yet: `authenticate` changes a ticket for one. */
  readonly credential: string | null;
  /**
   * Who it is, for this route. Throws `unauthenticated`; `too_many_requests` where its address has been refused too often; `csrf_refused` where
   * a browser added the credential by itself and it may have been another's page that asked.
   */
  authenticate(row: Pick<RouteRow, EntryFact>): Promise<Caller>;
  /** Counts one call against a bucket: of the caller, or of the visitor's address. Throws `too_many_requests`. */
  count(bucket: RateBucket, caller: Caller | null): Promise<void> | void;
  /** Counts one call of the caller's in a window. Throws `too_many_requests`. */
  countIn(window: CallWindow, caller: Caller): Promise<void>;
}

/** What a procedure gets from its door. The caller is found by `authorize`, because public procedures need none. */
export interface Context {
  gateway: Gateway;
  log: Log;
  visitor: Visitor;
  /** The `Idempotency-Key` header; null where there is none, or where the transport has no headers for each call. */
  idempotencyHeader: string | null;
  openStream: OpenStream;
}
