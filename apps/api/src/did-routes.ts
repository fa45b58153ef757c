import { GatewayError } from "@parley/contracts";
import { Router } from "express";
import type { VisitorOf } from "./visitors.ts";

interface DidDependencies {
  visitorOf: VisitorOf;
  /** As JSON; null where the gateway has no identity. */
  didDocument: string | null;
}

const KEPT_SECONDS = 300;

/** `/.well-known/did.json`: who this gateway is to its peers. The same bytes for everyone, at every start. */
export const didRoutes = ({ visitorOf, didDocument }: DidDependencies): Router =>
  Router().get("/.well-known/did.json", async (request, response) => {
    await visitorOf(request, response).count("anonymous", null);
    if (didDocument === null) throw new GatewayError("not_found");
    response.setHeader("cache-control", `public, max-age=${KEPT_SECONDS}`);
    response.type("application/did+json").send(Buffer.from(didDocument));
  });
