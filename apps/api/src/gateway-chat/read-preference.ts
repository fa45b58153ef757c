/** How long to wait for the answer, and whether that is what the caller asked for. */
export interface WaitPreference {
  waitMs: number;
  /** For `Preference-Applied`; empty where nothing was preferred that is known here. */
  applied: string;
}

const PREFERENCE = /^\s*([\w.-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s;"]*))\s*)?(?:;.*)?$/;

/**
 * Reads `Prefer` (RFC 7240): `respond-async` is answered at once, with `wait=<seconds>` after so long, and never after more than the limit. The first of a
 * name counts; what is unknown or malformed is passed over.
 */
export function readPreference(header: string | undefined, waitMsMax: number): WaitPreference {
  const known = new Map<string, string>();
  for (const part of (header ?? "").split(",")) {
    const [, name, quoted, bare] = PREFERENCE.exec(part) ?? [];
    if (name !== undefined && !known.has(name.toLowerCase())) known.set(name.toLowerCase(), quoted ?? bare ?? "");
  }
  const isAsync = known.get("respond-async") === "";
  const wait = known.get("wait") ?? "";
  const seconds = /^\d{1,9}$/.test(wait) ? Number(wait) : null;
  const waitMs = seconds === null ? (isAsync ? 0 : waitMsMax) : Math.min(seconds * 1_000, waitMsMax);
  const applied = [isAsync ? "respond-async" : "", seconds === null ? "" : `wait=${seconds}`].filter((one) => one !== "").join(", ");
  return { waitMs, applied };
}
