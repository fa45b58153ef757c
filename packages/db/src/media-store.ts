import type { MediaFile } from "@parley/contracts";
import type { MediaStore, StoredMedia } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

export const createMediaStore = (sql: Sql): MediaStore => ({
  async begin(media) {
    await call(sql, "begin_media", media);
  },
  finish: (media) => call<MediaFile | null>(sql, "finish_media", media),
  find: (organizationId, ids) => call<StoredMedia[]>(sql, "read_media", { organizationId, ids }),
  hide: (key, state) => call<boolean>(sql, "hide_media", { ...key, state }),
  async forget(key) {
    await call(sql, "forget_media", key);
  },
});
