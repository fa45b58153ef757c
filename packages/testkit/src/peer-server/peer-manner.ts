/** How a fake peer behaves, whatever it is asked. */
export type PeerManner =
  /** Done at once, with one text. */
  | "completes"
  /** A text in five pieces, then done. */
  | "streams"
  /** Working for ever; takes no cancel, either. */
  | "stuck"
  /** Takes the task up, then its sockets are cut and nobody listens any more. */
  | "dies"
  /** Speaks 0.3 with names like `context_id`, takes `task_id` alone, and says -32700 to anything else. */
  | "snake-case"
  /** Signs with the key of its DID. */
  | "signs"
  /** Signs with another one. */
  | "signs-wrongly"
  /** An artifact of 32 MiB. */
  | "huge"
  /** A stream of small pieces without an end. */
  | "endless"
  | "asks-input"
  | "asks-auth"
  | "rejects"
  | "fails"
  /** Does what the message says: words of it are `works:300` (ms), `forever` (until it is cancelled), `asks` (once), `fails`, `late:300` (ms until the message is answered). */
  | "scripted"
  /** Sends everybody to the cloud's metadata address. */
  | "redirects";

/** One request as the peer saw it. */
export interface PeerServerCall {
  /** The JSON-RPC method; `GET` and the path for anything else. */
  method: string;
  /** Null for anything but messages. */
  messageId: string | null;
  /** The task that is named, be it by a message or by itself. */
  taskId: string | null;
  contextId: string | null;
  /** Of a message: the tasks that it is about. */
  referenceTaskIds: string[];
  /** All texts of a message, and its data as JSON. */
  text: string;
  /** Beside the message, in the request's parameters. */
  metadata: Record<string, unknown>;
  /** What `A2A-Version` says; null where it says nothing. */
  version: string | null;
  headers: Record<string, string | string[] | undefined>;
  atMs: number;
}

/** One task as the peer saw it. */
export interface PeerServerTask {
  id: string;
  contextId: string;
  /** Of the message that it began with. */
  messageId: string;
  text: string;
  atMs: number;
  /** Its end, and any that came after it. */
  ends: { state: "completed" | "failed" | "canceled"; atMs: number }[];
}
