import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import {
  cancelMessage,
  changeMessage,
  clearQueue,
  drainConversation,
  getCard,
  getMessage,
  getRunState,
  listBranches,
  resetConversation,
  stopConversation,
} from "./control-conversation.ts";
import { answerByText, answerCard, decideCard } from "./decide-cards.ts";

type Controls = Pick<
  Gateway,
  | "getRunState"
  | "getMessage"
  | "getCard"
  | "listBranches"
  | "stopConversation"
  | "cancelMessage"
  | "changeMessage"
  | "clearQueue"
  | "drainConversation"
  | "resetConversation"
  | "answerCard"
  | "answerByText"
  | "decideCard"
>;

/** Binds what callers may do to a conversation; every change once per idempotency key. */
export const controlConversations = (context: GatewayContext): Controls => ({
  getRunState: (caller, conversationId) => getRunState(context, caller, conversationId),
  getMessage: (caller, input) => getMessage(context, caller, input),
  getCard: (caller, input) => getCard(context, caller, input),
  listBranches: (caller, input) => listBranches(context, caller, input),
  stopConversation: (caller, input, once) =>
    runOnce(context, caller, once, { input, run: (bound) => stopConversation(bound, caller, input) }),
  cancelMessage: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => cancelMessage(bound, caller, input) }),
  changeMessage: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => changeMessage(bound, caller, input) }),
  clearQueue: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => clearQueue(bound, caller, input) }),
  drainConversation: (caller, input, once) =>
    runOnce(context, caller, once, { input, run: (bound) => drainConversation(bound, caller, input) }),
  resetConversation: (caller, input, once) =>
    runOnce(context, caller, once, { input, run: (bound) => resetConversation(bound, caller, input) }),
  answerCard: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => answerCard(bound, caller, input) }),
  answerByText: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => answerByText(bound, caller, input) }),
  decideCard: (caller, input, once) => runOnce(context, caller, once, { input, run: (bound) => decideCard(bound, caller, input) }),
});
