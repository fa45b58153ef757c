import type { Cursor } from "@parley/contracts";

/** Says things that nobody asked for just now. */
export interface Notifier {
  /** Resolves when the other end takes more; at once where it keeps up. Says nothing where it is gone. */
  notify(method: string, params: object): Promise<void>;
  /** Begins to follow a conversation, instead of what followed it before: until `unfollow`, or the end of the connection. */
  follow(conversationId: string): NotedFollowing;
  /** Whether it was followed. */
  unfollow(conversationId: string): boolean;
}

/** One following, as the socket knows it. */
export interface NotedFollowing {
  /** Aborts when it is over. */
  signal: AbortSignal;
  /** It is over by itself. May be called again, and when another one has come instead. */
  end(): void;
}

/** A following that is over by itself, and where it can be gone on with. */
export interface FollowEnd {
  conversationId: string;
  cursor: Cursor;
  error: { code: string; text: string; retry: boolean };
}
