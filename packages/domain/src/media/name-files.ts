import { type ErrorIssue, GatewayError, MEDIA_SCHEME, mediaId } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";

type FilePorts = Pick<GatewayContext, "media" | "publicUrl">;

/** The id of an uploaded file that an address names; null for an address elsewhere, undefined for one of ours that no file can have. */
function mediaIdOf(address: string, publicUrl: string | null): string | null | undefined {
  const own = publicUrl === null ? null : `${publicUrl}/media/`;
  const start = [MEDIA_SCHEME, own].find((one) => one !== null && address.startsWith(one));
  if (start === undefined || start === null) return null;
  return mediaId.safeParse(address.slice(start.length)).data;
}

/**
 * A message's files as they are kept: uploaded ones as `media:<id>`, however they were named, all others as they are. Throws `invalid_input`
 * where one of ours is not there, or is another organization's.
 */
export async function nameFiles({ media, publicUrl }: FilePorts, caller: Caller, files: string[]): Promise<string[]> {
  const ids = files.map((file) => mediaIdOf(file, publicUrl));
  const named = ids.filter((id) => typeof id === "string");
  if (ids.every((id) => id === null)) return files;
  const found = new Set<string>();
  if (named.length > 0)
    for (const { id, expired } of await media.find(caller.organizationId, [...new Set(named)])) if (!expired) found.add(id);
  const issues = ids.flatMap((id, index): ErrorIssue[] =>
    id === null || (id !== undefined && found.has(id))
      ? []
      : [{ path: ["files", index], code: "custom", message: "There is no such file." }],
  );
  if (issues.length > 0) throw new GatewayError("invalid_input", { issues });
  return files.map((file, index) => (typeof ids[index] === "string" ? `${MEDIA_SCHEME}${ids[index]}` : file));
}
