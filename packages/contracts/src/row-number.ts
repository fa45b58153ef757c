import { z } from "zod";

/** Versions, branches, turns and places are an `integer` of Postgres, which ends here: a larger one could only fail there. */
const ROW_NUMBER_MAX = 2_147_483_647;

/** Counts from 1. */
export const rowNumber = z.int().positive().max(ROW_NUMBER_MAX);

/** Counts from 0. */
export const rowIndex = z.int().min(0).max(ROW_NUMBER_MAX);

/** The same number out of a query string, where digits stand for it. What else could be taken for one (`true`, an empty text) stays what it is. */
export const queried = <Schema extends z.ZodType<number>>(schema: Schema) =>
  z.preprocess((given: number | string) => (typeof given === "string" && /^-?\d{1,15}$/.test(given) ? Number(given) : given), schema);

export const isRowIndex = (number: number): boolean => number <= ROW_NUMBER_MAX;
