import type { Limits } from "@parley/contracts";
import type { Vault } from "../identity/vault.ts";
import type { Log } from "../logger.ts";
import type { BlobStore } from "../media/blob-store.ts";
import type { MediaStore } from "../media/media-store.ts";
import type { RunningHash } from "../media/take-in.ts";
import type { Bell } from "./bell.ts";
import type { PeerClient } from "./peer-client.ts";
import type { PeerCallStore, PeerStore } from "./peer-store.ts";

/** What a turn calls peers with. */
export interface PeerPorts {
  peers: Pick<PeerStore, "find">;
  calls: PeerCallStore;
  client: PeerClient;
  bell: Bell;
  vault: Vault | null;
  media: Pick<MediaStore, "begin" | "finish" | "hide" | "forget">;
  blobs: Pick<BlobStore, "write" | "remove">;
  startHash: () => RunningHash;
  /** A token that nobody guesses, and its SHA-256, hex. */
  makeToken: () => { token: string; hash: string };
  /** Under which peers reach this gateway; null: they are asked. */
  publicUrl: string | null;
  log: Log;
  limits: Limits;
}
