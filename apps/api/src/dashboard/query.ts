import type { Request } from "express";

/** A parameter of the address; undefined where it is absent, empty, or named more than once. */
export function textIn({ query }: Request, name: string): string | undefined {
  const value = query[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A number of things: what is absent or no number is the standard, what is out of bounds the bound. */
export function limitIn(request: Request, { standard, max }: { standard: number; max: number }): number {
  const wanted = Number.parseInt(textIn(request, "limit") ?? "", 10);
  return Number.isNaN(wanted) ? standard : Math.min(Math.max(wanted, 1), max);
}
