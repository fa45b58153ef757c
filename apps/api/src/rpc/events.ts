import type { LogEvent, SubmitResult } from "@parley/contracts";
import type { TurnEars } from "../turn/run-turn.ts";
import type { RpcCall } from "./method.ts";

/** One event of a conversation's log as `agent.event` tells it. `delta` is text of the conversation's own agent. */
const eventParams = (conversationId: string, { previous: _, ...event }: LogEvent) => ({
  conversationId,
  ...event,
  ...(event.type === "turn.delta" && event.executionId === conversationId && { delta: event.data.text }),
});

/** Tells the caller's socket; resolves when that takes more. */
export const tellEvent = ({ peer }: Pick<RpcCall, "peer">, conversationId: string, event: LogEvent): Promise<void> =>
  peer.notifier?.notify("agent.event", eventParams(conversationId, event)) ?? Promise.resolve();

/** The same for what one call has caused: each event names that call, as several may run on one socket. */
export const turnEars = ({ peer, id }: RpcCall): TurnEars => {
  const tell = async (params: object): Promise<void> => peer.notifier?.notify("agent.event", { ...params, requestId: id });
  return {
    submitted: (data: SubmitResult) => tell({ conversationId: data.conversationId, cursor: data.cursor, type: "submitted", data }),
    event: (conversationId, event) => tell(eventParams(conversationId, event)),
  };
};
