/** Whether a parsed value is nested deeper than `levels`. Goes no deeper than that itself, so that it may recurse. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}
