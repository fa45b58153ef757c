import type { Gateway, Log } from "@parley/domain";

/** What a procedure gets from its door. The caller is found by `authorize`, because public procedures need none. */
export interface Context {
  gateway: Gateway;
  log: Log;
  /** The key as it was sent; null when none was. */
  credential: string | null;
}
