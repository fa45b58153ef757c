import type { Agent, GatewayStatus } from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";

/** A conversation by the name that its client has for it: one for each agent of an organization. */
export interface ChatName {
  agentId: string;
  name: string;
}

export interface ChatUseCases {
  /** Whom a chat is for: the agent that is named, else the oldest; one that hands on to a peer only where there is no other. Throws `not_found`. */
  findChatAgent(caller: Caller, agentId?: string): Promise<Agent>;
  /** How the gateway behind that agent is. What cannot be had is said in its part. */
  readGatewayStatus(caller: Caller, input: { agentId?: string | undefined; signal: AbortSignal }): Promise<GatewayStatus>;
  /** The conversation behind the name. A name that stands for none yet gets an id, whose conversation begins with its first message. */
  openChat(caller: Caller, chat: ChatName): Promise<string>;
  /** The same; null where the name stands for none. */
  findChat(caller: Caller, chat: ChatName): Promise<string | null>;
  /** Another conversation takes the name; the one before stays as it is. */
  renewChat(caller: Caller, chat: ChatName, once?: Once): Promise<{ conversationId: string }>;
}
