import { createHash } from "node:crypto";
import { agentId as agentIdOf, GatewayError } from "@parley/contracts";
import { agentCard, hybridCard } from "@parley/peers";
import type { Request, RequestHandler } from "express";
import type { VisitorOf } from "../visitors.ts";
import type { A2aDoor } from "./call.ts";
import { agentUrl } from "./card-facts.ts";
import { originOf } from "./origin-of.ts";
import { readVersion } from "./read-version.ts";

interface CardDependencies {
  visitorOf: VisitorOf;
  /** Whose card stands at the root; null: nobody's. */
  defaultAgentId: string | null;
}

function wantedAgent({ params }: Request, defaultAgentId: string | null): string {
  const named = params["agentId"] ?? defaultAgentId;
  const id = agentIdOf.safeParse(named);
  if (!id.success) throw new GatewayError("not_found");
  return id.data;
}

/** An agent's public card: who it is and how it is reached, and nothing of what it does inside. */
export const cardHandler =
  (door: A2aDoor, { visitorOf, defaultAgentId }: CardDependencies): RequestHandler =>
  async (request, response) => {
    const visitor = visitorOf(request, response);
    await visitor.count("anonymous", null);
    const version = readVersion(request);
    const { id, ...facts } = await door.gateway.readA2aCard(wantedAgent(request, defaultAgentId));
    const card = { ...facts, url: agentUrl(originOf(door, request, visitor), id), skills: [] };
    const body = JSON.stringify(version === "1.0" ? agentCard(card) : hybridCard(card));
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
    response.setHeader("cache-control", `public, max-age=${door.limits.a2aCardSeconds}`);
    response.setHeader("vary", [response.getHeader("vary"), "A2A-Version"].filter(Boolean).join(", "));
    response.setHeader("etag", etag);
    const known = request.headers["if-none-match"]?.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    if (known?.some((tag) => tag === etag || tag === "*")) {
      response.status(304).end();
      return;
    }
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.end(body);
  };
