import { GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import { blobKey } from "./blob-store.ts";
import type { MediaKey, StoredMedia } from "./media-store.ts";
import type { MediaUseCases } from "./media-use-cases.ts";
import { discardMedia, uploadMedia } from "./upload-media.ts";

/** The files of an organization: any of its callers with the right scope may read them, no other one's. */
export function manageMedia(context: GatewayContext): MediaUseCases {
  const { blobs, media } = context;
  const uploads = { underWay: 0 };

  async function find(organizationId: string, id: string): Promise<StoredMedia> {
    const [found] = await media.find(organizationId, [id]);
    if (found === undefined) throw new GatewayError("not_found");
    return found;
  }

  return {
    async uploadMedia(caller, upload, once) {
      if (uploads.underWay >= context.limits.mediaUploadsMax) throw new GatewayError("too_many_uploads", { retryAfterSeconds: 1 });
      uploads.underWay += 1;
      try {
        return await uploadMedia(context, caller, upload, once);
      } finally {
        uploads.underWay -= 1;
      }
    },

    async openMedia({ organizationId }, id) {
      const { expired, ...file } = await find(organizationId, id);
      if (expired) throw new GatewayError("media_expired");
      return {
        file,
        async read(range) {
          const bytes = await blobs.open(blobKey(organizationId, id), range);
          if (bytes === null) throw new GatewayError("not_found", { detail: `the bytes of ${id} are missing` });
          return bytes;
        },
      };
    },

    async getMedia({ organizationId }, id) {
      const { expired: _, ...file } = await find(organizationId, id);
      return file;
    },

    async deleteMedia(caller, id, once) {
      const key = { organizationId: caller.organizationId, id };
      await runOnce(context, caller, once, { input: id, run: (bound) => hide(bound, key) });
      // Where it fails, the row stays hidden, and housekeeping finds the bytes by it.
      await discardMedia(context, key);
    },
  };
}

async function hide({ media }: Pick<GatewayContext, "media">, key: MediaKey): Promise<object> {
  if (!(await media.hide(key, "ready"))) throw new GatewayError("not_found");
  return {};
}
