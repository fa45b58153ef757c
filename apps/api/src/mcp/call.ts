import type { Limits, McpAccess } from "@parley/contracts";
import type { Administration, Caller, Gateway, Log } from "@parley/domain";
import type { OpenStream } from "@parley/router";
import type { FrontVisitor } from "../visitors.ts";
import type { Cards } from "./cards.ts";

/** What all requests to the MCP server share. */
export interface McpDoor {
  gateway: Gateway;
  administration: Administration;
  log: Log;
  limits: Limits;
  openStream: OpenStream;
  cards: Cards;
}

/** One authorised request. */
export interface McpRequest {
  visitor: FrontVisitor;
  caller: Caller;
  access: McpAccess;
  /** Aborts when the client is gone, or this process goes. */
  leaving: AbortSignal;
  /** Whether the client said at its start that it can put questions to its user. */
  elicits: boolean;
  idempotencyHeader: string | null;
}

/** One call of a tool. */
export interface ToolCall extends McpDoor, McpRequest {
  /** Asks the client's user; nothing is waited for. */
  elicit(id: string, params: object): Promise<void>;
  /** Tells the client that the call goes on, where it wants to know. */
  progress(message: string): Promise<void>;
}

/** What a tool tells; `isError`: it has not done what was asked. */
export interface ToolAnswer {
  text: string;
  isError: boolean;
}

/** Nothing, for a key that says nothing. */
export const NO_ACCESS: McpAccess = { tools: [], sessions: [], toolCallsMax: {} };
