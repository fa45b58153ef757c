import { ERRORS, type GatewayError, MCP_SCOPE } from "@parley/contracts";
import { authorize, ROUTES, toGatewayError } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import { isDeeperThan } from "../json-depth.ts";
import { isKeepableJson, UNKEEPABLE } from "../keepable-text.ts";
import { bodyReader } from "../rpc/read-body.ts";
import type { VisitorOf } from "../visitors.ts";
import type { McpDoor } from "./call.ts";
import { createCards } from "./cards.ts";

export interface McpDependencies extends Omit<McpDoor, "cards"> {
  visitorOf: VisitorOf;
}

const CODES = { parse: -32700, invalid: -32600, unauthorized: -32001, limit: -32000, internal: -32603 } as const;

interface Refusal {
  status: number;
  code: number;
  message: string;
}

function refuse(response: Response, { status, code, message }: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  response.status(status).json({ jsonrpc: "2.0", error: { code, message }, id: null });
}

/** The words of this door for what every door refuses. */
function refusalOf({ code, message }: GatewayError): Refusal {
  const status = ERRORS[code].http;
  if (status === 401) return { status, code: CODES.unauthorized, message: "Unauthorized" };
  if (status === 403) return { status, code: CODES.unauthorized, message: "Insufficient scope" };
  if (status === 429) return { status, code: CODES.limit, message: "Rate limit exceeded" };
  return {
    status,
    code: status >= 500 ? CODES.internal : CODES.invalid,
    message: code === "internal" ? "Internal MCP transport error" : message,
  };
}

/** `POST /mcp/v1`: the MCP server over streamable HTTP. No process keeps anything between two requests. */
export function mcpRoutes({ visitorOf, ...shared }: McpDependencies): Router {
  const door: McpDoor = { ...shared, cards: createCards() };
  const readBody = bodyReader(door.limits);

  async function serve(request: Request, response: Response): Promise<void> {
    const visitor = visitorOf(request, response);
    const caller = await authorize(visitor, ROUTES["mcp.call"]);
    if ([...caller.scopes].some((scope) => scope !== MCP_SCOPE)) {
      return refuse(response, { status: 403, code: CODES.unauthorized, message: "Token has disjoint-scope violation" });
    }
    const body = await readBody(request, response);
    if (response.destroyed) return;
    if ("refused" in body) {
      const message = body.status === 413 ? "Request body too large" : body.refused.message;
      return refuse(response, { status: body.status, code: body.refused.code, message });
    }
    const message = parse(body.text, door.limits.jsonDepthMax);
    if ("refused" in message) return refuse(response, message.refused);
    // The SDK takes a tenth of a second to load: its first client waits for it, not the start of every process.
    const { serveMcp } = await import("./serve-mcp.ts");
    await serveMcp(door, { request, response, visitor, caller, message: message.value });
  }

  const refuseMethod: RequestHandler = (_request, response) => {
    response.setHeader("allow", "POST");
    refuse(response, { status: 405, code: CODES.limit, message: "Method not allowed." });
  };

  return Router()
    .post("/mcp/v1", async (request, response) => {
      try {
        await serve(request, response);
      } catch (thrown) {
        const error = toGatewayError(thrown);
        if (error.code === "internal") door.log.error({ error: thrown }, "an MCP request failed");
        if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
        refuse(response, refusalOf(error));
      }
    })
    .all("/mcp/v1", refuseMethod);
}

function parse(text: string, depthMax: number): { value: unknown } | { refused: Refusal } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { refused: { status: 400, code: CODES.parse, message: "Parse error" } };
  }
  if (isDeeperThan(value, depthMax))
    return { refused: { status: 400, code: CODES.invalid, message: `Nested deeper than ${depthMax} levels.` } };
  if (!isKeepableJson(text, value)) return { refused: { status: 400, code: CODES.invalid, message: UNKEEPABLE } };
  return { value };
}
