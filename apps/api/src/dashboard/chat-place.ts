import { agentId, conversationId, GatewayError, isGatewayError } from "@parley/contracts";
import type { ChatName } from "@parley/domain";
import type { Call, Door } from "./call.ts";

/** What a chat without a name is called. */
const STANDARD_NAME = "gateway";
const NAME_CHARS_MAX = 1_000;

interface Named {
  agentId: string | undefined;
  sessionKey: string | undefined;
}

/** An agent, the client's name for a conversation with it, and that conversation's id where it is the name itself. */
export interface ChatPlace extends ChatName {
  ownConversationId: string | null;
}

const unknownAgent = (named: string): GatewayError => new GatewayError("bad_request", { text: `Unknown agent: ${named.slice(0, 100)}` });

/** The one that is named, else the caller's oldest. */
async function agentOf({ gateway }: Door, { caller }: Call, named: string | undefined): Promise<string> {
  if (named === undefined) {
    const { items } = await gateway.listAgents(caller, { page: 1, perPage: 1 });
    const [oldest] = items;
    if (oldest === undefined) throw unknownAgent("default");
    return oldest.id;
  }
  const known = agentId.safeParse(named);
  if (!known.success) throw unknownAgent(named);
  await gateway.getAgent(caller, known.data).catch((error: unknown) => {
    throw isGatewayError(error, "not_found") ? unknownAgent(named) : error;
  });
  return known.data;
}

/** A conversation of the caller's own with the name as its id; null where there is none. */
async function ownConversation({ administration }: Door, { caller }: Call, name: string) {
  const known = conversationId.safeParse(name);
  if (!known.success) return null;
  try {
    return await administration.getSession(caller, known.data);
  } catch (error) {
    if (isGatewayError(error, "not_found")) return null;
    throw error;
  }
}

/** Which chat is meant. Nothing is made. */
export async function findPlace(door: Door, call: Call, { agentId: named, sessionKey: name = STANDARD_NAME }: Named): Promise<ChatPlace> {
  if (name.length > NAME_CHARS_MAX) throw new GatewayError("bad_request", { text: "The session key is too long" });
  const own = await ownConversation(door, call, name);
  if (own !== null && (named === undefined || named === own.agentId)) {
    return { agentId: own.agentId, name, ownConversationId: own.conversationId };
  }
  return { agentId: await agentOf(door, call, named), name, ownConversationId: null };
}

/** Its conversation; null where it has none yet. */
export async function conversationOf({ gateway }: Door, { caller }: Call, place: ChatPlace): Promise<string | null> {
  return place.ownConversationId ?? (await gateway.findChat(caller, { agentId: place.agentId, name: place.name }));
}
