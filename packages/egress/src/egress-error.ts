import { GatewayError, isGatewayError } from "@parley/contracts";

/** Causes nest a few levels deep at most; the bound is for one that points at itself. */
const CAUSES_MAX = 8;

const chain = (error: unknown): Error[] => {
  const errors: Error[] = [];
  for (let next = error; next instanceof Error && errors.length < CAUSES_MAX; next = next.cause) errors.push(next);
  return errors;
};

const describe = (error: Error): string => {
  const code = "code" in error && typeof error.code === "string" ? `${error.code} ` : "";
  return `${code}${error.message}`;
};

/**
 * What went wrong on the way out, as `egress_refused` or `egress_failed`: for what `fetch` throws and for what reading a
 * response's body throws. Its detail names the origin only, as paths and queries may hold tokens.
 */
export const toEgressError = (error: unknown, origin: string): GatewayError => {
  const errors = chain(error);
  const known = errors.find((cause) => isGatewayError(cause));
  if (known !== undefined) return known;
  const root = errors.at(-1);
  return new GatewayError("egress_failed", {
    detail: `${origin}: ${root === undefined ? "unknown failure" : describe(root)}`,
    cause: error,
  });
};
