import type { Cursor } from "@parley/contracts";

/** Says things that nobody asked for just now. */
export interface Notifier {
  /** Resolves when the other end takes more; at once where it keeps up. Says nothing where it is gone. */
  notify(method: string, params: object): Promise<void>;
  /** Follows a conversation until `unfollow` or the end of the connection, instead of what followed it before. */
  follow(conversationId: string): AbortSignal;
  /** Whether it was followed. */
  unfollow(conversationId: string): boolean;
  /** The same from the following's own side: it is over, unless another one has come instead. */
  ended(conversationId: string, signal: AbortSignal): void;
}

/** A following that is over by itself, and where it can be gone on with. */
export interface FollowEnd {
  conversationId: string;
  cursor: Cursor;
  error: { code: string; text: string; retry: boolean };
}
