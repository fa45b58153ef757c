import { z } from "zod";

/** Versions, branches, turns and places are an `integer` of Postgres, which ends here: a larger one could only fail there. */
const ROW_NUMBER_MAX = 2_147_483_647;

/** Counts from 1. */
export const rowNumber = z.int().positive().max(ROW_NUMBER_MAX);

/** The same out of a query string. */
export const queriedRowNumber = z.coerce.number().int().positive().max(ROW_NUMBER_MAX);

/** Counts from 0. */
export const rowIndex = z.int().min(0).max(ROW_NUMBER_MAX);

/** The same out of a query string. */
export const queriedRowIndex = z.coerce.number().int().min(0).max(ROW_NUMBER_MAX);

export const isRowIndex = (number: number): boolean => number <= ROW_NUMBER_MAX;
