import { type A2aTask, hasTaskEnded } from "@parley/contracts";
import { A2aError, type ParamsOf, TaskFeed, toWireTask, type WireEvent } from "@parley/peers";
import { CLIENT_LEFT } from "../client-left.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { A2aCall, A2aDoor } from "./call.ts";
import { EventStream } from "./event-stream.ts";
import { accept, type StreamMethod, taskIdOf } from "./operations.ts";

/** How a binding writes what a stream says. */
export interface Frames {
  /** `isLast`: the stream ends with it. */
  event(event: WireEvent, isLast: boolean): string;
  failure(error: Parameters<EventStream["fail"]>[0]): string;
}

interface Streamed {
  task: A2aTask;
  historyLength: number | undefined;
  /** Whether a question ends the stream, as it does for whoever has sent a message. Those who subscribe wait for the answer. */
  endsAtQuestion: boolean;
}

async function begin<Method extends StreamMethod>(
  door: A2aDoor,
  call: A2aCall,
  { method, params }: { method: Method; params: ParamsOf<Method> },
): Promise<Streamed> {
  if (method === "SendStreamingMessage") {
    const given = params as ParamsOf<"SendStreamingMessage">;
    return { task: await accept(door, call, given), historyLength: given.configuration?.historyLength, endsAtQuestion: true };
  }
  const { id } = params as ParamsOf<"SubscribeToTask">;
  const task = await door.gateway.getA2aTask(call.caller, { agentId: call.agentId, taskId: taskIdOf(id) });
  if (hasTaskEnded(task.state) && call.version === "1.0")
    throw new A2aError("unsupported", "The task has ended: there is nothing to come.");
  return { task, historyLength: undefined, endsAtQuestion: false };
}

/** Streams a task: as it stands, then what comes. What is refused is refused before the stream's head. Its client's leaving ends the stream and not the task. */
export async function streamTask<Method extends StreamMethod>(
  door: A2aDoor,
  call: A2aCall,
  asked: { method: Method; params: ParamsOf<Method>; frames: Frames },
): Promise<void> {
  const { gateway, attachments, openStream, log } = door;
  const { caller, response, credential, leaving } = call;
  const close = openStream(caller);
  try {
    const { task, historyLength, endsAtQuestion } = await begin(door, call, asked);
    const { conversationId, start } = task;
    const isLast = (state: A2aTask["state"]): boolean => hasTaskEnded(state) || (endsAtQuestion && state === "input_required");
    const following = isLast(task.state)
      ? null
      : await gateway.followConversation(caller, { conversationId, after: start, signal: leaving.signal });
    const { frames } = asked;
    const stop = (): void => leaving.abort(CLIENT_LEFT);
    if (response.destroyed) return;
    const stream = new EventStream({ response, credential, attachments, failure: frames.failure, stop });
    stream.write(frames.event({ task: toWireTask(task, { historyLength }) }, isLast(task.state)));
    if (following === null) return stream.end();
    try {
      const feed = new TaskFeed(task);
      for await (const event of following.events) {
        for (const told of feed.take(event)) {
          const isEnd = "statusUpdate" in told && isLast(feed.state);
          stream.write(frames.event(told, isEnd));
          if (isEnd) return stream.end();
        }
        await stream.drained();
        if (stream.isOver) return;
      }
      // The longest that a stream may last, or the process ends: who subscribes again goes on.
      stream.end();
    } catch (error) {
      if (!stream.isOver) stream.fail(toGatewayError(error, log.child({ requestId: response.getHeader("x-request-id") })));
    }
  } finally {
    leaving.abort(CLIENT_LEFT);
    close();
  }
}
