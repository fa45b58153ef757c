import { GatewayError, isGatewayError } from "@parley/contracts";
import type { Call, Door } from "./call.ts";

export interface ChatMessage {
  message: string;
  agentId: string | undefined;
  sessionKey: string | undefined;
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** A chat's body: other members, and those of another type, count as absent. */
export async function readMessage({ readJsonBody }: Door, { request, response }: Call): Promise<ChatMessage> {
  let body: unknown;
  try {
    body = await readJsonBody(request, response);
  } catch (error) {
    if (isGatewayError(error, "unsupported_media_type")) throw notJson();
    if (isGatewayError(error, "bad_request")) throw new GatewayError("bad_request", { text: "Invalid JSON body", cause: error });
    throw error;
  }
  if (body === undefined) {
    const isJson = request.headers["content-type"]?.toLowerCase().includes("application/json") ?? false;
    throw isJson ? new GatewayError("bad_request", { text: "Invalid JSON body" }) : notJson();
  }
  const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const message = text(members["message"]);
  if (message === undefined) throw new GatewayError("bad_request", { text: "Missing required field: message (string)" });
  return { message, agentId: text(members["agentId"]), sessionKey: text(members["sessionKey"]) };
}

const notJson = (): GatewayError => new GatewayError("unsupported_media_type", { text: "Content-Type must be application/json" });
