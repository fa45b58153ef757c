import type { Budget, RefusedBy } from "@parley/contracts";
import type { Response } from "express";

/** It in a word: `balance`, or `budget;scope=key;period=day`. */
export const refusedWord = (by: RefusedBy): string => (by.kind === "balance" ? "balance" : `budget;scope=${by.scope};period=${by.period}`);

/**
 * Says which balance or budget has refused, on whatever door: `x-refused-by` has it in a word. Gives what stands in the body besides, its amounts in
 * micro-units.
 */
export function tellRefusedBy(response: Response, { refusedBy }: { refusedBy?: RefusedBy | null | undefined }): { refusedBy?: RefusedBy } {
  if (refusedBy === undefined || refusedBy === null) return {};
  response.setHeader("x-refused-by", refusedWord(refusedBy));
  return { refusedBy };
}

/** The same where names are written so, and of turns, which tell no figures. */
export interface RefusedRow {
  kind: RefusedBy["kind"];
  scope?: Budget["scope"] | undefined;
  period?: Budget["period"] | undefined;
  too_large?: true | undefined;
}

export function refusedRow({ tooLarge, ...by }: RefusedBy): RefusedRow {
  const named = by.kind === "balance" ? { kind: by.kind } : { kind: by.kind, scope: by.scope, period: by.period };
  return { ...named, ...(tooLarge && { too_large: tooLarge }) };
}
