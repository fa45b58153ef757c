import { agentId, type Card, type Cursor, conversationId, type LogEvent, messageInput, submitInput } from "@parley/contracts";
import type { Once } from "@parley/domain";
import { idempotencyKey, readIdempotencyKey } from "@parley/router";
import { z } from "zod";
import { refusedWord } from "../tell-refused-by.ts";
import { agentOf } from "../turn/agent-of.ts";
import { answerQuestion } from "../turn/answer-question.ts";
import { runTurn, type TurnAnswer } from "../turn/run-turn.ts";
import { chatFailure } from "../turn/turn-failure.ts";
import type { ToolAnswer, ToolCall } from "./call.ts";
import { elicitationId, formOf } from "./elicitation.ts";
import { readableSession, sourceOf } from "./sessions.ts";

export const askAgentInput = z.object({
  message: messageInput.shape.text.unwrap().min(1),
  agent_id: agentId.optional().meta({ description: "Needed where there is more than one agent." }),
  session_id: conversationId.optional().meta({ description: "Goes on with this conversation; absent: a new one." }),
  idempotency_key: idempotencyKey.optional().meta({ description: "A repeated call under the same key gets the first answer." }),
});

const METHOD = "mcp.agent_ask";

/**
 * A turn of a conversation. Questions of the agent are put to the client's user where the client can do that, and stand in the answer
 * otherwise. An approval is never given here.
 */
export async function askAgent(call: ToolCall, input: z.output<typeof askAgentInput>): Promise<ToolAnswer> {
  const key = readIdempotencyKey({ header: call.idempotencyHeader, input: input.idempotency_key });
  const once = key === undefined ? undefined : { route: METHOD, key };
  let answer = (await answeredCard(call, input, once)) ?? (await newTurn(call, input, once));
  // A turn may ask more than once; each round is a step, of which it has only so many.
  for (let round = 0; answer.status === "paused" && round < call.limits.stepsPerTurnMax; round += 1) {
    const resumed = await put(call, answer);
    if (resumed === null) break;
    answer = { ...answer, ...resumed };
  }
  return told(answer);
}

type Input = z.output<typeof askAgentInput>;
type Answer = Pick<TurnAnswer, "conversationId" | "turnId" | "status" | "reason" | "error" | "refusedBy" | "response" | "cursor" | "cards">;

/** Where the session waits for the answer to one question, the message is that answer. Null where it is a message like any other. */
async function answeredCard(call: ToolCall, { session_id, message }: Input, once: Once | undefined): Promise<Answer | null> {
  if (session_id === undefined) return null;
  await readableSession(call, session_id);
  const answered = await answerQuestion(call.gateway, call.caller, { conversationId: session_id, text: message }, once);
  if (answered === null) return null;
  const { turnId, cursor } = answered;
  return { conversationId: session_id, turnId, ...(await settled(call, { conversationId: session_id, turnId, cursor })) };
}

async function newTurn(call: ToolCall, { session_id, agent_id, message }: Input, once: Once | undefined): Promise<Answer> {
  const { gateway, caller, limits, leaving, openStream } = call;
  const submitted = submitInput.parse({
    agentId: await agentOf(call, { agentId: agent_id, conversationId: session_id }),
    conversationId: session_id,
    text: message,
    options: { source: sourceOf(caller), sourceNodeType: "mcp" },
  });
  const ears = { submitted: async () => {}, event: (_: string, { type }: LogEvent) => call.progress(type) };
  const waiting = { gateway, caller, limits, method: METHOD, once, peer: { leaving, openStream } };
  return runTurn(waiting, { input: submitted, waitMs: limits.syncWaitMs, ears });
}

/** Puts the one open card to the user and waits for the turn to end or ask again. Null: nobody has answered, or nobody can here. */
async function put(call: ToolCall, answer: Answer): Promise<Partial<Answer> | null> {
  const [card, ...others] = answer.cards ?? [];
  const { conversationId, turnId } = answer;
  if (!call.elicits || card?.kind !== "questions" || others.length > 0 || turnId === null) return null;
  const { gateway, caller, cards, limits } = call;
  const id = elicitationId(conversationId, card.id);
  const declined = cards.wait(id);
  const signal = AbortSignal.any([call.leaving, declined, AbortSignal.timeout(limits.syncWaitMs)]);
  try {
    await call.elicit(id, formOf(card));
    const following = await gateway.followConversation(caller, { conversationId, after: answer.cursor as Cursor, signal });
    for await (const event of following.events) {
      if (event.type !== "card.closed" || event.data.cardId !== card.id) continue;
      return await settled(call, { conversationId, turnId, cursor: event.cursor });
    }
    return null;
  } finally {
    cards.forget(id);
  }
}

interface Resumed {
  conversationId: string;
  turnId: string;
  cursor: string;
}

async function settled(
  { gateway, caller, leaving, limits }: ToolCall,
  { conversationId, turnId, cursor }: Resumed,
): Promise<Omit<Answer, "conversationId" | "turnId">> {
  const turn = await gateway.awaitTurn(caller, { conversationId, turnId, waitMs: limits.syncWaitMs, signal: leaving });
  const state = turn.status === "paused" ? await gateway.getRunState(caller, conversationId) : null;
  return {
    status: turn.status,
    response: turn.result ?? "",
    reason: turn.reason,
    ...(turn.refusedBy && { refusedBy: turn.refusedBy }),
    cursor: state?.cursor ?? cursor,
    cards: state?.cards ?? [],
  };
}

function cardText(card: Card): string {
  if (card.kind === "approval") return `A call of ${card.approval.tool} waits for an approval, which is not given here.`;
  const lines = card.questions.map(({ text, options }) => [text, ...options.map(({ label }) => `- ${label}`)].join("\n"));
  return `The agent asks, and goes on with the next message to this session:\n${lines.join("\n")}`;
}

function told(answer: Answer): ToolAnswer {
  const { conversationId, status, reason, refusedBy, response, cards = [] } = answer;
  const facts = [`session_id: ${conversationId}`, `status: ${status}`, ...(reason === null ? [] : [`reason: ${reason}`])];
  if (refusedBy) facts.push(`refused_by: ${refusedWord(refusedBy)}`);
  const isError = status === "failed" || status === "error";
  if (isError) facts.push(`error: ${chatFailure(answer).message}`);
  return { text: [...facts, "", response, ...(status === "paused" ? cards.map(cardText) : [])].join("\n"), isError };
}
