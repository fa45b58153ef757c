import {
  type ApiKey,
  agentId,
  createKeyInput,
  GatewayError,
  type KeyId,
  keyId,
  type Limits,
  mcpAccess,
  moment,
  organizationId,
  pageInput,
  rotateKeyInput,
  scope,
} from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import { hasAdminSecret } from "@parley/identity";
import { type Request, type RequestHandler, Router } from "express";
import { z } from "zod";
import { ofOrganization } from "./billing/of-organization.ts";
import { operatorRoutes } from "./billing/operator-routes.ts";
import { jsonBodyReader } from "./json-body.ts";
import { onceOf } from "./once-of.ts";
import { parseInput } from "./parse-input.ts";
import type { VisitorOf } from "./visitors.ts";

export interface AdminDependencies {
  gateway: Gateway;
  visitorOf: VisitorOf;
  /** Null: nobody may use these routes. */
  adminSecret: string | null;
  limits: Pick<Limits, "bodyBytesMax" | "jsonDepthMax">;
}

export const organizationBody = z.object({ name: z.string().trim().min(1).max(120) });
export const keyBody = z.object({
  organization_id: organizationId,
  name: createKeyInput.shape.name,
  /** An empty list grants nothing. */
  scopes: z.array(scope).default([]),
  agent_ids: z.array(agentId).min(1).max(200).nullish(),
  expires_at: moment.nullish(),
  /** What a key with the scope `mcp-client` may do. */
  mcp: z
    .object({ tools: mcpAccess.shape.tools, sessions: mcpAccess.shape.sessions, tool_calls_max: mcpAccess.shape.toolCallsMax })
    .nullish(),
});
export const rotateBody = z.object({ organization_id: organizationId, overlap_seconds: rotateKeyInput.shape.overlapSeconds });
export const keysQuery = ofOrganization.extend({ page: pageInput.shape.page, per_page: pageInput.shape.perPage });

const keyOnWire = (key: ApiKey) => ({
  id: key.id,
  organization_id: key.organizationId,
  name: key.name,
  prefix: key.prefix,
  scopes: key.scopes,
  agent_ids: key.agentIds,
  expires_at: key.expiresAt,
  revoked_at: key.revokedAt,
  created_at: key.createdAt,
  mcp: key.mcp && { tools: key.mcp.tools, sessions: key.mcp.sessions, tool_calls_max: key.mcp.toolCallsMax },
});

/** What cannot be the id of a key is no key. */
function idOf({ params }: Request): KeyId {
  const id = keyId.safeParse(params.id);
  if (!id.success) throw new GatewayError("not_found");
  return id.data;
}

/** The operator's routes, with the admin secret: organizations and their keys. */
export function adminRoutes({ gateway, visitorOf, adminSecret, limits }: AdminDependencies): Router {
  const readJsonBody = jsonBodyReader(limits);
  const requireSecret: RequestHandler = async (request, response, next) => {
    const visitor = visitorOf(request, response);
    visitor.checkLock();
    await visitor.count("admin", null);
    if (adminSecret === null) throw new GatewayError("admin_not_configured");
    if (!hasAdminSecret(request.headers, adminSecret)) {
      await visitor.noteBadCredential();
      response.setHeader("www-authenticate", "AdminSecret");
      throw new GatewayError("unauthenticated");
    }
    next();
  };
  return Router()
    .use("/admin", requireSecret)
    .use(operatorRoutes(gateway, readJsonBody))
    .post("/admin/organizations", async (request, response) => {
      const { name } = parseInput(organizationBody, await readJsonBody(request, response));
      response.status(201).json(await gateway.createOrganization({ name }, onceOf(request, "admin.createOrganization")));
    })
    .post("/admin/api-keys", async (request, response) => {
      const body = parseInput(keyBody, await readJsonBody(request, response));
      const wanted = {
        name: body.name,
        scopes: body.scopes,
        ...(body.agent_ids && { agentIds: body.agent_ids }),
        ...(body.expires_at && { expiresAt: new Date(body.expires_at) }),
        ...(body.mcp && { mcp: { tools: body.mcp.tools, sessions: body.mcp.sessions, toolCallsMax: body.mcp.tool_calls_max } }),
      };
      const { apiKey, ...key } = await gateway.createKey(body.organization_id, wanted, null, onceOf(request, "admin.createKey"));
      response.status(201).json({ ...keyOnWire(key), api_key: apiKey });
    })
    .get("/admin/api-keys", async (request, response) => {
      const { organization_id, page, per_page } = parseInput(keysQuery, request.query);
      const keys = await gateway.listKeys(organization_id, { page, perPage: per_page });
      response.json({ api_keys: keys.items.map(keyOnWire), total: keys.total, page, per_page });
    })
    .post("/admin/api-keys/:id/rotate", async (request, response) => {
      const body = parseInput(rotateBody, await readJsonBody(request, response));
      const { apiKey, previousUntil, ...key } = await gateway.rotateKey(
        body.organization_id,
        { keyId: idOf(request), overlapSeconds: body.overlap_seconds },
        null,
        onceOf(request, "admin.rotateKey"),
      );
      response.json({ ...keyOnWire(key), api_key: apiKey, previous_until: previousUntil });
    })
    .delete("/admin/api-keys/:id", async (request, response) => {
      const { organization_id } = parseInput(ofOrganization, request.query);
      const id = idOf(request);
      await gateway.revokeKey(organization_id, id, null, onceOf(request, "admin.revokeKey"));
      response.json({ id, revoked: true });
    });
}
