import { randomUUID } from "node:crypto";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { ElicitResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { isGatewayError, isObject } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import type { Request, Response } from "express";
import { CLIENT_LEFT } from "../client-left.ts";
import { onGone } from "../on-gone.ts";
import type { FrontVisitor } from "../visitors.ts";
import { type McpDoor, type McpRequest, NO_ACCESS } from "./call.ts";
import { answersOf, readElicitationId } from "./elicitation.ts";
import { createMcpServer } from "./mcp-server.ts";
import { readableSession } from "./sessions.ts";

interface Served {
  request: Request;
  response: Response;
  visitor: FrontVisitor;
  caller: Caller;
  message: unknown;
}

type Json = Record<string, unknown>;
/** Clients name no capabilities after their start. Those that can put questions are told to come back under such a name, which is no secret. */
const ELICITS = "elicits-";

function saysElicits({ method, params }: Json): boolean {
  if (method !== "initialize" || !isObject(params) || !isObject(params["capabilities"])) return false;
  return params["capabilities"]["elicitation"] !== undefined;
}

/** Answers one message of an admitted client. Nothing is kept between two of them but what a call that waits needs to hear of its user. */
export async function serveMcp(door: McpDoor, { request, response, visitor, caller, message }: Served): Promise<void> {
  if (isObject(message) && (await takeAnswer(door, { visitor, caller, message }))) {
    response.status(202).end();
    return;
  }
  const leaving = new AbortController();
  onGone(response, () => leaving.abort(CLIENT_LEFT));
  const header = request.headers["idempotency-key"];
  const asked: McpRequest = {
    visitor,
    caller,
    access: caller.mcp ?? NO_ACCESS,
    leaving: leaving.signal,
    elicits: String(request.headers["mcp-session-id"]).startsWith(ELICITS),
    idempotencyHeader: typeof header === "string" ? header : null,
  };
  if (isObject(message) && saysElicits(message)) response.setHeader("mcp-session-id", `${ELICITS}${randomUUID()}`);
  const transport = new StreamableHTTPServerTransport({});
  const server = createMcpServer(door, asked, transport);
  onGone(response, () => void server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, message);
}

/**
 * What the client's user said to a card, whichever process has asked. A form that does not fit leaves the card open; of a card that the key
 * may not answer nothing is told.
 */
async function takeAnswer(
  door: McpDoor,
  { visitor, caller, message }: Pick<Served, "visitor" | "caller"> & { message: Json },
): Promise<boolean> {
  const card = "method" in message ? null : readElicitationId(message["id"]);
  if (card === null) return false;
  await visitor.count("turn", caller);
  if (!(await mayAnswer(door, caller, card.conversationId))) return true;
  const said = ElicitResultSchema.safeParse(message["result"]);
  const content = said.success && said.data.action === "accept" ? said.data.content : undefined;
  const decline = (): void => door.cards.decline(String(message["id"]));
  try {
    if (content === undefined) decline();
    else await door.gateway.answerCard(caller, { ...card, answers: answersOf(content) });
  } catch (error) {
    if (!isGatewayError(error)) throw error;
    decline();
  }
  return true;
}

async function mayAnswer({ administration }: McpDoor, caller: Caller, conversationId: string): Promise<boolean> {
  const access = caller.mcp ?? NO_ACCESS;
  if (!access.tools.includes("agent_ask")) return false;
  try {
    await readableSession({ administration, caller, access }, conversationId);
    return true;
  } catch (error) {
    if (isGatewayError(error, "not_found")) return false;
    throw error;
  }
}
