import { GatewayError } from "@parley/contracts";
import type { Request } from "express";
import type { FrontVisitor } from "../visitors.ts";
import type { A2aDoor } from "./call.ts";

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** How this gateway's addresses begin: as its operator says, else as the caller has reached it. */
export function originOf({ publicUrl }: Pick<A2aDoor, "publicUrl">, { headers }: Request, visitor: Pick<FrontVisitor, "isSecure">): string {
  if (publicUrl !== null) return publicUrl;
  const { host = "" } = headers;
  if (!HOST.test(host)) throw new GatewayError("bad_request", { text: "The Host header is malformed." });
  return `${visitor.isSecure() ? "https" : "http"}://${host}`;
}
