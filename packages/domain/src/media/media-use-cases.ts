import type { MediaFile } from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";
import type { ByteRange } from "./blob-store.ts";

/** A file on its way in. */
export interface Upload {
  fileName: string | null;
  /** What its uploader says it is; not believed. */
  contentType: string | null;
  /** Bytes as announced; null where they were not. */
  size: number | null;
  /** How long it is kept; for as long as files are kept when null. */
  ttlSeconds: number | null;
  bytes: AsyncIterable<Uint8Array>;
}

export interface OpenedMedia {
  file: MediaFile;
  /** The bytes, or a part of them. Throws `not_found` where they were removed meanwhile. */
  read(range: ByteRange | null): Promise<AsyncIterable<Uint8Array>>;
}

export interface MediaUseCases {
  /**
   * Keeps a file. Its bytes are passed on as they come and never held whole; nothing of it stays where this throws: `body_too_large`,
   * `media_quota_full`, `too_many_uploads`, or what the source throws. Repeated under its key, the same bytes give the first answer.
   */
  uploadMedia(caller: Caller, upload: Upload, once?: Once): Promise<MediaFile>;
  /** Throws `not_found`, or `media_expired` until it is swept. */
  openMedia(caller: Caller, mediaId: string): Promise<OpenedMedia>;
  /** What is known of a file; also of one that has expired and is not swept yet. */
  getMedia(caller: Caller, mediaId: string): Promise<MediaFile>;
  deleteMedia(caller: Caller, mediaId: string, once?: Once): Promise<void>;
}
