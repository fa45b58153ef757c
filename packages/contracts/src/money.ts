import { z } from "zod";
import { isMoment, moment } from "./moment.ts";

/** Micro-units of the one currency that there is; far below what a number holds exactly, so that sums are exact, too. */
export const MICROS_MAX = 1_000_000_000_000_000;

/** Postgres keeps no NUL, and half a surrogate pair is no text. */
export const keptText = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .refine((value) => value.isWellFormed() && !value.includes("\0"), "Not a text.");

/** What amounts are in: a million micro-units are one. */
export const CURRENCY = "usd";

/** A moment, or a day, which begins in UTC. */
const bound = z.union([
  moment,
  z.iso
    .date()
    .refine(isMoment, "is no day that can be kept")
    .transform((day) => `${day}T00:00:00Z`),
]);

/** From then on and before then; each may be left open. */
export const span = { from: bound.optional(), to: bound.optional() };
