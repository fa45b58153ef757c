import type { LogEvent } from "@parley/contracts";

/**
 * What travels on a channel: `<key> <body>`. The key says for whom, so that a process drops what concerns none of its
 * listeners after reading some forty bytes. An empty body means "look again".
 */
export interface Frame {
  key: string;
  /** UTF-8 JSON, not yet read. */
  body: Buffer;
}

/** Above this many bytes the events themselves stay away from pub/sub: followers read them from the store. */
export const BODY_BYTES_MAX = 65_536;

const SPACE = 0x20;

export function writeFrame(key: string, body: string): string {
  // One UTF-16 unit is at most three bytes, so short bodies need no counting.
  const fits = body.length * 3 <= BODY_BYTES_MAX || Buffer.byteLength(body) <= BODY_BYTES_MAX;
  return fits ? `${key} ${body}` : `${key} `;
}

/** Null for anything that `writeFrame` did not write. */
export function readFrame(message: Buffer): Frame | null {
  const end = message.indexOf(SPACE);
  return end === -1 ? null : { key: message.toString("latin1", 0, end), body: message.subarray(end + 1) };
}

/** Null for the "look again" marker and for what cannot be read: both mean that the store knows better. */
export function readEvents(body: Buffer): LogEvent[] | null {
  if (body.length === 0) return null;
  try {
    return JSON.parse(body.toString()) as LogEvent[];
  } catch {
    return null;
  }
}
