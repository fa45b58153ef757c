import { GatewayError, listPlace } from "@parley/contracts";

/** A place in a list by time, as callers are told it and say it again. */
export const writePlace = ({ at, sourceId }: { at: string; sourceId: string }): string =>
  Buffer.from(JSON.stringify([at, sourceId])).toString("base64url");

/** Throws `invalid_input` where it is none that was told. */
export function readPlace(told: string): { at: string; sourceId: string } {
  const read = listPlace.safeParse(parsed(Buffer.from(told, "base64url").toString("utf8")));
  if (read.success && read.data[1].isWellFormed() && !read.data[1].includes("\0")) return { at: read.data[0], sourceId: read.data[1] };
  throw new GatewayError("invalid_input", { issues: [{ path: ["after"], code: "custom", message: "must be what `next` has said" }] });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
