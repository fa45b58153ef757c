import type { A2aFilter, A2aPlace } from "@parley/domain";
import { A2aError, type ListParams, STATE_OF } from "@parley/peers";
import { z } from "zod";

const place = z.tuple([z.string().regex(/^\d{1,17}$/), z.guid().toLowerCase()]);

/** Where a page goes on, in a form that clients hand back as it is. */
export const pageToken = (next: A2aPlace | null): string =>
  next === null ? "" : Buffer.from(JSON.stringify([next.micros, next.id])).toString("base64url");

function readToken(token: string | undefined): A2aPlace | null {
  if (token === undefined) return null;
  try {
    const [micros, id] = place.parse(JSON.parse(Buffer.from(token, "base64url").toString("utf8")));
    return { micros, id };
  } catch {
    throw new A2aError("invalidParams", "pageToken: Not one that was given out.");
  }
}

/** States that our tasks never have: asked for, they find nothing. */
const OTHERS = new Set(["TASK_STATE_REJECTED", "TASK_STATE_AUTH_REQUIRED"]);

/** What a list is asked for; null where nothing can be found. */
export function listFilter(params: ListParams): A2aFilter | null {
  const { contextId = null, status, pageSize, statusTimestampAfter = null } = params;
  const after = readToken(params.pageToken);
  const filter = { contextId, since: statusTimestampAfter, after, limit: pageSize };
  if (status === undefined || status === "TASK_STATE_UNSPECIFIED") return { ...filter, state: null };
  if (OTHERS.has(status)) return null;
  const state = STATE_OF.get(status);
  if (state === undefined) throw new A2aError("invalidParams", "status: No state of a task.");
  return { ...filter, state };
}
