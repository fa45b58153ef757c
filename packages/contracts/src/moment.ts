import { z } from "zod";

/** The years that Postgres, JavaScript and four digits all have. */
const FIRST = new Date("0001-01-01T00:00:00Z");
const LAST = new Date("9999-12-31T23:59:59.999Z");
/** No place on earth is this far from UTC, and Postgres reads none that is further. */
const FAR_ZONE = /[+-](?:1[5-9]|2\d):\d\d$/;

/** Whether a time of ISO 8601, with its zone or as a day, is one that can be kept and looked for. */
export function isMoment(text: string): boolean {
  const at = new Date(text);
  return at >= FIRST && at <= LAST && !FAR_ZONE.test(text);
}

/** A time as callers write it, with its zone. */
export const moment = z.iso.datetime({ offset: true }).refine(isMoment, "is no time that can be kept");

/** The same for callers whose times come as text or as dates. */
export const momentDate = z.coerce.date().min(FIRST).max(LAST);

/** A place in a list by time: a time as exact as it is kept, and the id of what has it. */
export const listPlace = z.tuple([moment, z.string().min(1).max(400)]);
