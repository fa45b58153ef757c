import { answerAgentChat, streamAgentChat } from "./agent/agent-chat.ts";
import { type Handler, userIn } from "./call.ts";
import { readChat } from "./chat-body.ts";
import { answerDirect, streamDirect } from "./direct-answer.ts";

/** A model's answer to messages: straight from its provider, or a turn of an agent's conversation. */
export const chat: Handler = async (door, call) => {
  const body = await readChat(door, call);
  const resolved = door.gateway.resolveModel(body.model);
  if (resolved.kind === "agent") {
    const agent = { agentId: resolved.agentId, body };
    return body.stream ? streamAgentChat(door, call, agent) : answerAgentChat(door, call, agent);
  }
  const request = { kind: "chat" as const, models: resolved.models, user: userIn(body.user), body, input: body };
  return body.stream ? streamDirect(door, call, request) : answerDirect(door, call, request);
};
