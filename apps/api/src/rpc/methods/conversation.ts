import { answerInput, conversationInput, cursor, ERRORS, GatewayError, stopInput } from "@parley/contracts";
import type { Following } from "@parley/domain";
import { toGatewayError } from "@parley/router";
import { tellEvent } from "../events.ts";
import { type MethodsOf, method, type RpcCall } from "../method.ts";
import type { FollowEnd } from "../notifier.ts";

const conversationId = conversationInput.shape;
const followShape = { ...conversationId, after: cursor.optional() };

interface Tell {
  following: Following;
  conversationId: string;
  signal: AbortSignal;
}

/** Brings what is followed until somebody ends it; where it ends by itself, that is said, with where to go on. */
async function tell(call: RpcCall, { following, conversationId, signal }: Tell): Promise<void> {
  let { cursor } = following;
  let thrown: unknown;
  try {
    for await (const event of following.events) {
      // What was being read as another one took its place is the other's to tell.
      if (signal.aborted) return;
      await tellEvent(call, conversationId, event);
      cursor = event.cursor;
    }
  } catch (error) {
    thrown = error;
  }
  if (signal.aborted) return;
  const { code, message: text } =
    thrown === undefined ? { code: "stream_ended" as const, message: ERRORS.stream_ended.text } : toGatewayError(thrown);
  const end: FollowEnd = { conversationId, cursor, error: { code, text, retry: ERRORS[code].retry } };
  await call.peer.notifier?.notify("conversation.ended", end);
}

export const conversation = {
  "conversation.follow": method(followShape, async (call, { conversationId, after }) => {
    const { gateway, caller, peer, log } = call;
    const following = peer.notifier?.follow(conversationId);
    if (following === undefined) throw new GatewayError("internal", { detail: "a following without a socket" });
    const { signal, end } = following;
    try {
      // Counted out as soon as another one takes its place, and not when the log has let go.
      const close = peer.openStream(caller);
      signal.addEventListener("abort", close);
      if (signal.aborted) close();
      const followed = await gateway.followConversation(caller, { conversationId, after, signal });
      peer.afterAnswer(() => {
        tell(call, { following: followed, conversationId, signal })
          .catch((error: unknown) => log.error({ error, conversationId }, "a following ended badly"))
          .finally(end);
      });
      return { conversationId, cursor: followed.cursor, status: followed.execution.status };
    } catch (error) {
      end();
      throw error;
    }
  }),

  "conversation.unfollow": method(conversationId, ({ peer }, { conversationId }) => ({
    conversationId,
    unfollowed: peer.notifier?.unfollow(conversationId) ?? false,
  })),

  "conversation.state": method(conversationId, ({ gateway, caller }, { conversationId }) => gateway.getRunState(caller, conversationId)),

  "conversation.stop": method(stopInput.shape, ({ gateway, caller, once }, input) => gateway.stopConversation(caller, input, once)),

  "conversation.answer": method(answerInput.shape, ({ gateway, caller, once }, input) => gateway.answerCard(caller, input, once)),
} satisfies MethodsOf<"conversation">;
