import { z } from "zod";
import { queried } from "./row-number.ts";

/** What is stored is named by us; the ending is the one that its uploader's name had. */
export const mediaId = z.string().regex(/^[0-9a-f]{32}(?:\.[a-z0-9]{1,8})?$/, "is the id of no file");

/** How a message names an uploaded file: `media:<id>`. */
export const MEDIA_SCHEME = "media:";

/** Ten years. */
const TTL_SECONDS_MAX = 315_360_000;

/** How long a file is kept; for as long as the gateway keeps any where it is left out. */
export const ttlSeconds = queried(z.int().min(1).max(TTL_SECONDS_MAX));

export const mediaInput = z.object({ mediaId });

/** An uploaded file. Times are ISO 8601. */
export interface MediaFile {
  id: string;
  /** As its uploader called it. */
  fileName: string | null;
  /** Found in the bytes themselves, or one of a few harmless ones that its uploader named; else `application/octet-stream`. */
  contentType: string;
  /** Bytes. */
  size: number;
  /** Of the bytes, lower-case hex. */
  sha256: string;
  createdAt: string;
  expiresAt: string | null;
}
