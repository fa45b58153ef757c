import { GatewayError, isGatewayError, type SessionSummary } from "@parley/contracts";
import type { Once } from "@parley/domain";
import type { Call, Door } from "./call.ts";
import { type ChatPlace, conversationOf } from "./chat-place.ts";
import { readNewest } from "./history.ts";

interface Order {
  door: Door;
  call: Call;
  place: ChatPlace;
  once: Once | undefined;
}

type Command = (order: Order) => Promise<string>;

const EXPORTED_MAX = 200;
const NOTHING = "There is no conversation yet.";

async function currentOf({ door, call, place }: Order): Promise<string> {
  const conversationId = await conversationOf(door, call, place);
  if (conversationId === null) throw new GatewayError("not_found");
  return conversationId;
}

/** What is about the conversation of now. */
const onCurrent =
  (act: (order: Order, conversationId: string) => Promise<string>): Command =>
  async (order) => {
    try {
      return await act(order, await currentOf(order));
    } catch (error) {
      if (isGatewayError(error, "not_found")) return NOTHING;
      throw error;
    }
  };

const onSession = (tell: (session: SessionSummary, order: Order) => Promise<string> | string): Command =>
  onCurrent(async (order, conversationId) => tell(await order.door.administration.getSession(order.call.caller, conversationId), order));

const renew: Command = async ({ door, call, place, once }) => {
  await door.gateway.renewChat(call.caller, { agentId: place.agentId, name: place.name }, once);
  return "A new conversation begins with your next message.";
};

const status = onSession(async ({ agentId, conversationId, state, messageCount, queueDepth, cardsOpen }, { door, call }) => {
  const { name, config } = await door.gateway.getAgent(call.caller, agentId);
  const standing = `${messageCount} messages, ${queueDepth} waiting, ${cardsOpen} questions open`;
  return `${name} on ${config.model}. Conversation ${conversationId} is ${state}: ${standing}.`;
});

const usage = onSession(
  ({ inputTokens, outputTokens }) => `${inputTokens + outputTokens} tokens: ${inputTokens} read, ${outputTokens} written.`,
);

const stop = onCurrent(async ({ door, call, once }, conversationId) => {
  const { stopped } = await door.gateway.stopConversation(call.caller, { conversationId, clearQueue: false }, once);
  return stopped ? "Stopped." : "Nothing was running.";
});

const compact = onCurrent(async ({ door, call, once }, conversationId) => {
  await door.administration.orderCompaction(call.caller, conversationId, once);
  return "The oldest turns will be summarised.";
});

const exported = onCurrent(async ({ door, call }, conversationId) => {
  const said = await readNewest(door, call, conversationId, EXPORTED_MAX);
  if (said.length === 0) return NOTHING;
  return said.map(({ role, content, timestamp }) => `## ${role}, ${new Date(timestamp).toISOString()}\n\n${content}`).join("\n\n");
});

/** What is done here and now, without a model. Everything else that begins with a slash is said to the agent. */
const COMMANDS: Record<string, Command> = {
  "/new": renew,
  "/reset": renew,
  "/status": status,
  "/usage": usage,
  "/stop": stop,
  "/compact": compact,
  "/export": exported,
};

/** The command that a message is; null where it is none. */
export const commandIn = (message: string): Command | null => {
  const word = message.trim().toLowerCase();
  return Object.hasOwn(COMMANDS, word) ? (COMMANDS[word] ?? null) : null;
};
