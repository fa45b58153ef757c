import { BOUNDS, GatewayError, type Limits } from "@parley/contracts";
import { z } from "zod";

/** Which part of a list is wanted: the first `limit` behind `offset`. */
export const partShape = {
  offset: z.int().min(0).max(10_000_000).default(0),
  limit: z.int().min(1).max(BOUNDS.pageMax.ceiling).default(20),
};

/** Throws `invalid_input` where more is wanted at a time than pages may have. */
export function checkLimit(limit: number, { pageMax }: Limits): void {
  if (limit <= pageMax) return;
  const message = `At most ${pageMax}.`;
  throw new GatewayError("invalid_input", {
    issues: [{ path: ["limit"], code: "too_big", message }],
    text: `Invalid parameter limit: ${message}`,
  });
}

/** A part as this wire gives it. */
export const partOf = ({ offset, limit }: { offset: number; limit: number }, { shown, total }: { shown: number; total: number }) => ({
  total,
  offset,
  limit,
  hasMore: offset + shown < total,
});
