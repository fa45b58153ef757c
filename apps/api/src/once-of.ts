import type { Once } from "@parley/domain";
import { type RouteName, readIdempotencyKey } from "@parley/router";
import type { Request } from "express";

/** What tells a repeated call from a new one, where its headers name a key. */
export function onceOf({ headers }: Pick<Request, "headers">, route: RouteName): Once | undefined {
  const header = headers["idempotency-key"];
  const key = readIdempotencyKey({ header: typeof header === "string" ? header : null, input: undefined });
  return key === undefined ? undefined : { route, key };
}
