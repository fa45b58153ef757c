import type { ActivityEvent } from "@parley/contracts";
import type { Caller } from "../identity/caller.ts";

/** An organization's activity being followed. */
export interface FollowingActivity {
  /** Where `events` starts. */
  cursor: number;
  /** Something after what was asked for is not kept any more: `events` starts later. */
  isTrimmed: boolean;
  /** Every event after the cursor that the caller may see, in order. Ends when the signal aborts or the stream's lifetime is over. */
  events: AsyncIterable<ActivityEvent>;
}

export interface ActivityUseCases {
  /**
   * Without `after`: from now on; the same where nothing was ever given that number. Whose key is for some agents sees what is about these.
   * Contents are told to who may read conversations, or administers.
   */
  followActivity(caller: Caller, input: { after?: number | undefined; signal: AbortSignal }): Promise<FollowingActivity>;
  /** The newest of what such lists show, oldest first. */
  listActivity(caller: Caller, limit: number): Promise<ActivityEvent[]>;
}
