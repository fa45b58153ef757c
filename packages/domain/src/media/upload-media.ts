import { GatewayError, type MediaFile, newId } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Once } from "../idempotency/repeat-store.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { type BlobStore, blobKey } from "./blob-store.ts";
import type { MediaKey, MediaStore } from "./media-store.ts";
import type { Upload } from "./media-use-cases.ts";
import { sniffType } from "./sniff-type.ts";
import { takeIn, tooLarge } from "./take-in.ts";

/** The row first, then the bytes, then the row again: whatever dies in between, the row leads to what is left. */
export async function uploadMedia(context: GatewayContext, caller: Caller, upload: Upload, once: Once | undefined): Promise<MediaFile> {
  const { mediaBytesMax, mediaBytesPerOrganizationMax: bytesMax } = context.limits;
  const { fileName, contentType: declared, size: announced, ttlSeconds } = upload;
  if ((announced ?? 0) > mediaBytesMax) throw tooLarge(mediaBytesMax);
  const key = { organizationId: caller.organizationId, id: newMediaId(fileName) };
  const hash = context.startHash();
  const intake = takeIn(upload.bytes, { bytesMax: mediaBytesMax, hash });
  await context.media.begin({ ...key, principalId: caller.principalId, fileName, reservedBytes: announced ?? 0, bytesMax });
  try {
    await context.blobs.write(blobKey(key.organizationId, key.id), intake.bytes, announced);
    const written = { size: intake.size(), sha256: hash.digest(), contentType: sniffType(intake.head(), declared) };
    const file = await runOnce(context, caller, once, {
      input: { ...written, fileName, ttlSeconds },
      run: (bound) => finish(bound, key, { ...written, ttlSeconds, bytesMax }),
    });
    // Another upload under the same key was the first.
    if (file.id !== key.id) await giveUp(context, key);
    return file;
  } catch (error) {
    await giveUp(context, key);
    throw error;
  }
}

/** A commit whose answer was lost may have made the file: then it stays, as a repeated call names it. */
async function giveUp(context: GatewayContext, key: MediaKey): Promise<void> {
  const hidden = await context.media.hide(key, "writing").catch(() => false);
  if (hidden) await discardMedia(context, key);
}

interface DiscardPorts {
  blobs: Pick<BlobStore, "remove">;
  media: Pick<MediaStore, "forget">;
}

/** Removes bytes, then row. False where they cannot be removed now: they are found by the row later. */
export async function discardMedia({ blobs, media, log }: Pick<GatewayContext, "log"> & DiscardPorts, key: MediaKey): Promise<boolean> {
  try {
    await blobs.remove(blobKey(key.organizationId, key.id));
    await media.forget(key);
    return true;
  } catch (error) {
    log.warn({ err: error, mediaId: key.id }, "a file's bytes could not be removed; housekeeping tries again");
    return false;
  }
}

async function finish(
  { media }: Pick<GatewayContext, "media">,
  key: MediaKey,
  written: { size: number; sha256: string; contentType: string; ttlSeconds: number | null; bytesMax: number },
): Promise<MediaFile> {
  const file = await media.finish({ ...key, ...written });
  if (file === null) throw new GatewayError("storage_unavailable", { detail: "the upload took too long and was given up" });
  return file;
}

/** Nobody can guess it, and it ends as the uploader's name did. */
function newMediaId(fileName: string | null): string {
  const ending = /\.([A-Za-z0-9]{1,8})$/.exec(fileName ?? "")?.[1];
  const id = newId<string>().replaceAll("-", "");
  return ending === undefined ? id : `${id}.${ending.toLowerCase()}`;
}
