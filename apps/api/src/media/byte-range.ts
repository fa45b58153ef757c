import type { ByteRange } from "@parley/domain";

/** What is wanted of a body of so many bytes: all of it, a part, or a part that it has not. */
export type WantedRange = { kind: "whole" } | { kind: "part"; range: ByteRange } | { kind: "none" };

const WHOLE: WantedRange = { kind: "whole" };

/** Reads a `Range` header. What is no single range of bytes is ignored, as it may be. */
export function wantedRange(header: string | undefined, size: number): WantedRange {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (from === "" && to === "") return WHOLE;
  if (from === "") {
    const length = Math.min(Number(to), size);
    return length === 0 ? { kind: "none" } : { kind: "part", range: { start: size - length, end: size - 1 } };
  }
  const start = Number(from);
  const end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== "" && Number(to) < start) return WHOLE;
  return start < size ? { kind: "part", range: { start, end } } : { kind: "none" };
}
