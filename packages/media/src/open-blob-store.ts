import type { BlobStore } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { createDiskStore } from "./disk-store.ts";
import { createS3Store } from "./s3/s3-store.ts";
import type { MediaSettings } from "./settings.ts";

/** The store that the settings name. Touches nothing before it is used. Throws where a bucket is named without its keys. */
export function openBlobStore(settings: MediaSettings, fetch: EgressFetch): BlobStore {
  const {
    MEDIA_DIR: folder,
    MEDIA_S3_BUCKET: bucket,
    MEDIA_S3_ACCESS_KEY_ID: accessKeyId,
    MEDIA_S3_SECRET_ACCESS_KEY: secretAccessKey,
  } = settings;
  if (bucket === undefined) return createDiskStore(folder);
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error("MEDIA_S3_BUCKET needs MEDIA_S3_ACCESS_KEY_ID and MEDIA_S3_SECRET_ACCESS_KEY.");
  }
  const { MEDIA_S3_ENDPOINT: endpoint, MEDIA_S3_REGION: region, MEDIA_S3_PREFIX: prefix } = settings;
  return createS3Store({ endpoint, bucket, region, prefix, accessKeyId, secretAccessKey, fetch });
}
