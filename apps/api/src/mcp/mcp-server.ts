import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CallToolRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { MCP_TOOL_ROWS, toGatewayError } from "@parley/router";
import { z } from "zod";
import type { McpDoor, McpRequest } from "./call.ts";
import { callTool } from "./call-tool.ts";
import { listedSessions, readableSession, transcript } from "./sessions.ts";
import { TOOLS } from "./tools.ts";
import { untrusted } from "./untrusted.ts";

const RESOURCE = "parley://session/";
const MESSAGES_MAX = 1_000;

/** A server for one request: it knows nothing but what the request's key may do. */
export function createMcpServer(door: McpDoor, request: McpRequest, transport: Transport): Server {
  const reader = { ...door, ...request };
  const server = new Server({ name: "parley", version: "0.1.0" }, { capabilities: { tools: {}, resources: {} } });

  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: request.access.tools.map((name) => ({
      name,
      description: TOOLS[name].description,
      inputSchema: z.toJSONSchema(TOOLS[name].input, { io: "input", unrepresentable: "any" }) as { type: "object" },
      annotations: { readOnlyHint: !MCP_TOOL_ROWS[name].mutating },
    })),
  }));

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { requestId, _meta, sendNotification }) => {
    const progressToken = _meta?.progressToken;
    let steps = 0;
    const call = {
      ...reader,
      elicit: (id: string, params: object) =>
        transport.send({ jsonrpc: "2.0", id, method: "elicitation/create", params: { ...params } }, { relatedRequestId: requestId }),
      async progress(message: string) {
        if (progressToken === undefined) return;
        steps += 1;
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress: steps, message } });
      },
    };
    return callTool(call, { name: params.name, given: params.arguments ?? {} });
  });

  server.setRequestHandler(ListResourcesRequestSchema, async () => ({
    resources: (await listedSessions(reader)).map(({ conversationId, title }) => ({
      uri: `${RESOURCE}${conversationId}`,
      name: title ?? conversationId,
      mimeType: "text/plain",
    })),
  }));

  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    try {
      const session = await readableSession(reader, uri.startsWith(RESOURCE) ? uri.slice(RESOURCE.length) : "");
      const text = await transcript(reader, session, { offset: Math.max(0, session.messageCount - MESSAGES_MAX), limit: MESSAGES_MAX });
      return { contents: [{ uri, mimeType: "text/plain", text: untrusted(text) }] };
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (error.code === "internal") door.log.error({ error: thrown }, "a resource could not be read");
      throw new McpError(error.code === "internal" ? ErrorCode.InternalError : ErrorCode.InvalidParams, error.message);
    }
  });

  return server;
}
