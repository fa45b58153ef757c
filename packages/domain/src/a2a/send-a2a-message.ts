import {
  type A2aTask,
  type AnswerInput,
  type CardId,
  type ConversationId,
  type Cursor,
  GatewayError,
  hasTaskEnded,
  isGatewayError,
  type QuestionAnswer,
  submitInput,
  uuidOfHash,
} from "@parley/contracts";
import { answerCard } from "../conversation/decide-cards.ts";
import { submitMessage } from "../conversation/submit-message.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { checkA2aPush, storeA2aPush } from "./a2a-pushes.ts";
import type { A2aOwner } from "./a2a-store.ts";
import { getA2aTask, ownerOf, toA2aTask } from "./a2a-tasks.ts";
import type { A2aSend } from "./a2a-use-cases.ts";

const ROUTE = "a2a.send";

/**
 * Accepts a client's message: it begins a task, or goes on with one that waits for it. The task, what was said and what the message causes are one
 * transaction, under the message's own name: sent again, it finds the task of the first time.
 */
export async function sendA2aMessage(context: GatewayContext, caller: Caller, send: A2aSend): Promise<A2aTask> {
  const { agentId, message, push } = send;
  const owner = ownerOf(caller, agentId);
  const known = await context.a2a.find(owner, { name: message.messageId });
  if (known !== null) return toA2aTask(known);
  if (push !== null) await checkA2aPush(context, push);
  const once = { route: `${ROUTE} ${agentId}`, key: message.messageId };
  const { taskId } = await runOnce(context, caller, once, {
    // The name alone says that it is the same message.
    input: message.messageId,
    async run(bound) {
      const taskId = send.taskId === undefined ? await begin(bound, caller, send) : await goOn(bound, caller, send, send.taskId);
      await bound.a2a.say({ ...owner, taskId, name: message.messageId, message });
      if (push !== null) await storeA2aPush(bound, owner.organizationId, { taskId, push, tellsNow: send.taskId === undefined });
      return { taskId };
    },
  });
  return getA2aTask(context, caller, { agentId, taskId });
}

async function begin(context: GatewayContext, caller: Caller, send: A2aSend): Promise<string> {
  const { agentId, contextId, text, files, hopsMax } = send;
  const owner = ownerOf(caller, agentId);
  const conversationId = contextId === undefined ? undefined : await conversationOf(context, owner, contextId);
  const hops = hopsMax === undefined ? {} : { hopsMax: Math.min(hopsMax, context.limits.peerHopsMax) };
  const options = { source: "a2a", sourceNodeType: "a2a", ...hops };
  const input = submitInput.parse({ agentId, conversationId, text, files, options });
  const invoke = conversationId !== undefined;
  const submitted = await submitMessage(context, caller, input, { route: ROUTE, invoke });
  await context.a2a.begin({
    ...owner,
    taskId: submitted.turnId,
    conversationId: submitted.conversationId,
    messageId: submitted.messageId,
    contextId: contextId ?? submitted.conversationId,
    start: submitted.cursor as Cursor,
  });
  return submitted.turnId;
}

/** A name that a client has chosen means a conversation of its own: nobody else's of the same name. */
async function conversationOf(context: GatewayContext, owner: A2aOwner, contextId: string): Promise<string> {
  const known = await context.a2a.findContext(owner, contextId);
  if (known !== null) return known;
  return uuidOfHash(context.hashBody(JSON.stringify(["a2a", owner.organizationId, owner.principalId, owner.agentId, contextId])));
}

async function goOn(context: GatewayContext, caller: Caller, send: A2aSend, taskId: string): Promise<string> {
  const task = await getA2aTask(context, caller, { agentId: send.agentId, taskId });
  if (send.contextId !== undefined && send.contextId !== task.contextId) {
    throw new GatewayError("invalid_input", {
      text: "The task is of another context.",
      issues: [{ path: ["message", "contextId"], code: "custom", message: "The task is of another context." }],
    });
  }
  if (hasTaskEnded(task.state)) {
    throw new GatewayError("task_not_open", { text: "The task has ended: send a new message in its context." });
  }
  if (task.state !== "input_required") {
    throw new GatewayError("task_not_open", { text: "The task is at work and takes a message once it asks for one." });
  }
  const answer = answerOf(task, send);
  if (answer !== null) {
    await answerCard(context, caller, answer);
    return task.id;
  }
  // What was asked is void, and the same turn goes on with the text. Approvals are never given by a message.
  const { agentId, text, files } = send;
  const input = submitInput.parse({ agentId, conversationId: task.conversationId, text, files, mode: "steer" });
  await submitMessage(context, caller, input, { route: ROUTE }).catch((error: unknown) => {
    throw isGatewayError(error, "nothing_to_steer") ? new GatewayError("task_not_open") : error;
  });
  return task.id;
}

/** What the message says to the card that is open: its structured answers, or its text where one question was asked and nothing else. */
function answerOf({ conversationId, cards }: A2aTask, { text, files, answers }: A2aSend): AnswerInput | null {
  const [card, another] = cards.filter(({ status }) => status === "open");
  if (card?.kind !== "questions" || another !== undefined) return null;
  const to = (given: QuestionAnswer[]): AnswerInput => ({
    conversationId: conversationId as ConversationId,
    cardId: card.id as CardId,
    answers: given,
  });
  if (answers !== null) return to(answers);
  const [question, further] = card.questions;
  if (question === undefined || further !== undefined || text === "" || files.length > 0) return null;
  const isTaken = question.allowFreeText || question.options.some(({ id, label }) => id === text || label === text);
  return isTaken ? to([{ questionId: question.id, answer: text }]) : null;
}
