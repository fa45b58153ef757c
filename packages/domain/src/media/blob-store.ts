/** The bytes from `start` to `end`, both of them included. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Where the bytes of files lie. Keys are of our own making: letters, digits, `.`, `-` and `/`. */
export interface BlobStore {
  /**
   * Keeps all of it or nothing; takes no more from the source than it can pass on. `size` is null where it is not known yet. Rejects with what
   * the source throws, or with `storage_unavailable`.
   */
  write(key: string, source: AsyncIterable<Uint8Array>, size: number | null): Promise<void>;
  /** The bytes, as they are taken; a reader that stops early lets go of the source. Null where there are none. */
  open(key: string, range: ByteRange | null): Promise<AsyncIterable<Uint8Array> | null>;
  /** What is not there is gone already. Also what a broken write has left. */
  remove(key: string): Promise<void>;
}

/** An organization's files lie side by side. */
export const blobKey = (organizationId: string, mediaId: string): string => `${organizationId}/${mediaId}`;
