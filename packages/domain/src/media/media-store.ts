import type { MediaFile } from "@parley/contracts";

export interface MediaKey {
  organizationId: string;
  id: string;
}

export interface NewMedia extends MediaKey {
  principalId: string;
  fileName: string | null;
  /** Set aside of the organization's quota until the file's size is known. */
  reservedBytes: number;
  /** What the organization may have. */
  bytesMax: number;
}

export interface WrittenMedia extends MediaKey {
  size: number;
  sha256: string;
  contentType: string;
  ttlSeconds: number | null;
  bytesMax: number;
}

export type StoredMedia = MediaFile & { expired: boolean };

/** The rows of files. Each is there before its bytes and after them. */
export interface MediaStore {
  /** Before the first byte. Throws `media_quota_full`. */
  begin(media: NewMedia): Promise<void>;
  /** After the last byte; null where it was given up meanwhile. Throws `media_quota_full`. */
  finish(media: WrittenMedia): Promise<MediaFile | null>;
  /** Those that are there, the expired ones among them until they are swept. */
  find(organizationId: string, ids: string[]): Promise<StoredMedia[]>;
  /** Readers find it no more, and no upload ends in it. False where it is not in that state. */
  hide(key: MediaKey, state: "writing" | "ready"): Promise<boolean>;
  /** Once its bytes are gone. */
  forget(key: MediaKey): Promise<void>;
}
