import { BOUNDS, GatewayError, type Limits } from "@parley/contracts";
import { z } from "zod";

const LIMIT = 20;

/** Which part of a list is wanted: the first `limit` behind `offset`. */
export const partShape = {
  offset: z.int().min(0).max(10_000_000).default(0),
  limit: z.int().min(1).max(BOUNDS.pageMax.ceiling).optional(),
};

/** How many are wanted at a time. Throws `invalid_input` where that is more than pages may have. */
export function limitOf(limit: number | undefined, { pageMax }: Limits): number {
  if (limit === undefined) return Math.min(LIMIT, pageMax);
  if (limit <= pageMax) return limit;
  const message = `At most ${pageMax}.`;
  throw new GatewayError("invalid_input", {
    issues: [{ path: ["limit"], code: "too_big", message }],
    text: `Invalid parameter limit: ${message}`,
  });
}

/** A part as this wire tells it. */
export const partOf = ({ offset, limit }: { offset: number; limit: number }, { shown, total }: { shown: number; total: number }) => ({
  total,
  offset,
  limit,
  hasMore: offset + shown < total,
});
