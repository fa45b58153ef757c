import type { ModelMessage } from "../model/model.ts";
import { ASK_TOOL } from "../turn/router-tools.ts";

/** Whether a call has brought in what somebody else says. The user's own answers are no such thing. */
export function hasForeignResult(messages: ModelMessage[]): boolean {
  const own = new Set<string>();
  for (const message of messages) {
    if (message.role === "assistant") {
      for (const call of message.toolCalls ?? []) if (call.name === ASK_TOOL) own.add(call.id);
    } else if (message.role === "tool" && !own.has(message.toolCallId)) return true;
  }
  return false;
}
