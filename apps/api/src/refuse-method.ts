import { GatewayError } from "@parley/contracts";
import type { RequestHandler } from "express";

/** What stands behind a path's routes: other methods are refused with 405, and which ones there are is said. */
export const refuseMethod =
  (allowed: string): RequestHandler =>
  (_request, response) => {
    response.setHeader("allow", allowed);
    throw new GatewayError("method_not_allowed");
  };
