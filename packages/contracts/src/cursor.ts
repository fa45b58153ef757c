import { z } from "zod";
import { isRowIndex } from "./row-number.ts";

/**
 * A place in a conversation's log: `<epoch>-<n>`. The epoch grows with every claim, `n` counts up from 1 without
 * holes within an epoch, so a reader that sees `n + 2` after `n` knows that it missed something. Opaque to clients.
 */
export type Cursor = string & z.core.$brand<"Cursor">;

export interface CursorParts {
  epoch: number;
  n: number;
}

const SHAPE = /^(0|[1-9]\d{0,14})-(0|[1-9]\d{0,9})$/;

export const cursor = z
  .string()
  .regex(SHAPE, { error: "Not a cursor.", abort: true })
  .refine((text) => isRowIndex(parseCursor(text as Cursor).n), "Not a cursor.") as unknown as z.ZodType<Cursor, string>;

/** Before the first event of any conversation. */
export const START = "0-0" as Cursor;

export const makeCursor = ({ epoch, n }: CursorParts): Cursor => `${epoch}-${n}` as Cursor;

export function parseCursor(text: Cursor): CursorParts {
  const dash = text.indexOf("-");
  return { epoch: Number(text.slice(0, dash)), n: Number(text.slice(dash + 1)) };
}

/** Negative when `a` is before `b`, 0 when they are the same place. */
export function compareCursors(a: Cursor, b: Cursor): number {
  const left = parseCursor(a);
  const right = parseCursor(b);
  return left.epoch - right.epoch || left.n - right.n;
}
