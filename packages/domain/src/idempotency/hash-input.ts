import type { GatewayPorts } from "../gateway-ports.ts";

/** One hash for one meaning: the order in which a caller writes fields does not count. */
export const hashInput = ({ hashBody }: Pick<GatewayPorts, "hashBody">, input: unknown): string =>
  hashBody(JSON.stringify(input ?? null, (_, value: unknown) => (isPlain(value) ? sorted(value) : value)));

const isPlain = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

const sorted = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
