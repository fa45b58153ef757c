import { GatewayError, isGatewayError } from "@parley/contracts";
import type { Request, Response } from "express";
import type { ReadJsonBody } from "../json-body.ts";

export interface AskedChat {
  message: string;
  /** The client's own name for the conversation. */
  sessionKey: string;
  agentId: string | undefined;
}

const STANDARD_KEY = "main";
const KEY_CHARS_MAX = 512;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** A chat's body: other members, and those of another type, count as absent. Throws `bad_request`. */
export async function readChat(readJsonBody: ReadJsonBody, request: Request, response: Response): Promise<AskedChat> {
  let body: unknown;
  try {
    body = await readJsonBody(request, response);
  } catch (error) {
    if (isGatewayError(error, "bad_request")) throw new GatewayError("bad_request", { text: "Invalid JSON body", cause: error });
    throw error;
  }
  const members = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const message = text(members["message"]);
  if (message === undefined || message.trim() === "") throw new GatewayError("bad_request", { text: "Message required" });
  const sessionKey = text(members["sessionKey"]) ?? STANDARD_KEY;
  if (sessionKey.length > KEY_CHARS_MAX) throw new GatewayError("bad_request", { text: "The session key is too long" });
  return { message, sessionKey, agentId: text(members["agentId"]) };
}
