import { isGatewayError } from "@parley/contracts";
import { sendJson } from "../send-json.ts";
import type { Call, Door, Handler } from "./call.ts";
import { conversationOf, findPlace } from "./chat-place.ts";
import { limitIn, textIn } from "./query.ts";

const MESSAGES_MAX = 1_000;
/** Large messages come in several parts. */
const PARTS_MAX = 8;

export interface Said {
  role: "user" | "assistant";
  content: string;
  timestamp: number;
}

/** The newest messages of a conversation, oldest first; none where there is no such conversation. */
export async function readNewest({ administration }: Door, { caller }: Call, conversationId: string, limit: number): Promise<Said[]> {
  try {
    const { messageCount } = await administration.getSession(caller, conversationId);
    const said: Said[] = [];
    let offset = Math.max(0, messageCount - limit);
    for (let part = 0; part < PARTS_MAX && offset < messageCount; part += 1) {
      const messages = await administration.readMessages(caller, { conversationId, offset, limit: messageCount - offset });
      if (messages.length === 0) break;
      said.push(...messages.map(({ role, content, at }) => ({ role, content, timestamp: Date.parse(at) })));
      offset += messages.length;
    }
    return said;
  } catch (error) {
    if (isGatewayError(error, "not_found")) return [];
    throw error;
  }
}

/** `channelId` is what a chat calls its `sessionKey`. */
export const history: Handler = async (door, call) => {
  const { request, response } = call;
  const named = { agentId: textIn(request, "agentId"), sessionKey: textIn(request, "channelId") ?? textIn(request, "sessionKey") };
  const place = await findPlace(door, call, named);
  const conversationId = await conversationOf(door, call, place);
  const limit = limitIn(request, { standard: 200, max: MESSAGES_MAX });
  const messages = conversationId === null ? [] : await readNewest(door, call, conversationId, limit);
  sendJson(response, 200, { messages, conversationId });
};
