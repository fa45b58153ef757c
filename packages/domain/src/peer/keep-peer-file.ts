import { isGatewayError, MEDIA_SCHEME, newId } from "@parley/contracts";
import { blobKey } from "../media/blob-store.ts";
import { sniffType } from "../media/sniff-type.ts";
import { takeIn } from "../media/take-in.ts";
import { storableText } from "../turn/storable.ts";
import type { PeerPart } from "./peer-client.ts";
import type { PeerPorts } from "./peer-ports.ts";

type File = Extract<PeerPart, { kind: "file" }>;

/**
 * Keeps a file that a peer has sent among the organization's own, and says where: `media:<id>`. Null where it may not be kept: it is too large, or the
 * quota is full. A file that is only named by an address is not fetched.
 */
export async function keepPeerFile(ports: PeerPorts, organizationId: string, { name, mediaType, bytes }: File): Promise<string | null> {
  if (bytes === null) return null;
  const content = Buffer.from(bytes, "base64");
  const { mediaBytesMax, mediaBytesPerOrganizationMax: bytesMax } = ports.limits;
  if (content.byteLength > mediaBytesMax) return null;
  const key = { organizationId, id: newId<string>().replaceAll("-", "") };
  const hash = ports.startHash();
  const intake = takeIn(once(content), { bytesMax: mediaBytesMax, hash });
  try {
    await ports.media.begin({
      ...key,
      principalId: "peer",
      fileName: name === null ? null : storableText(name.slice(0, 200)),
      reservedBytes: content.byteLength,
      bytesMax,
    });
    await ports.blobs.write(blobKey(organizationId, key.id), intake.bytes, content.byteLength);
    const contentType = sniffType(intake.head(), mediaType);
    const file = await ports.media.finish({ ...key, size: intake.size(), sha256: hash.digest(), contentType, ttlSeconds: null, bytesMax });
    return file === null ? null : `${MEDIA_SCHEME}${file.id}`;
  } catch (error) {
    // Housekeeping finds by its row what is left of it.
    if (isGatewayError(error, "media_quota_full") || isGatewayError(error, "storage_unavailable")) return null;
    throw error;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
