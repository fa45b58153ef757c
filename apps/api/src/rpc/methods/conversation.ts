import { answerInput, conversationInput, cursor, ERRORS, stopInput } from "@parley/contracts";
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
      await tellEvent(call, conversationId, event);
      cursor = event.cursor;
      if (signal.aborted) return;
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
    const notifier = peer.notifier;
    const close = peer.openStream(caller);
    const signal = notifier?.follow(conversationId) ?? peer.leaving;
    const end = (): void => {
      close();
      notifier?.ended(conversationId, signal);
    };
    try {
      const following = await gateway.followConversation(caller, { conversationId, after, signal });
      peer.afterAnswer(() => {
        tell(call, { following, conversationId, signal })
          .catch((error: unknown) => log.error({ error, conversationId }, "a following ended badly"))
          .finally(end);
      });
      return { conversationId, cursor: following.cursor, status: following.execution.status };
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
