import { type ConversationId, type EndUser, type MessageMode, submitInput, type TurnOptions } from "@parley/contracts";
import type { SubmitFacts } from "@parley/domain";
import { expect } from "vitest";
import type { Conversation } from "../spec/conversation.ts";
import { type Draft, submit } from "../spec/submit.ts";
import type { Stage } from "../stage/stage.ts";
import { expectVerdict, outcomeOf, pick } from "./outcome.ts";

/** Who sends, for whom, and how: each a choice of two. */
export interface Origin {
  caller: 0 | 1;
  user: 0 | 1;
  options: 0 | 1;
}

const USERS: (EndUser | undefined)[] = [undefined, { email: "ada@example.com" }];
const OPTIONS: TurnOptions[] = [{}, { reasoningEffort: "low" }];

export interface Message {
  mode: MessageMode;
  isInvoke: boolean;
  origin: Origin;
}

export const sendMessage = (c: Conversation, stage: Stage, { mode, isInvoke, origin }: Message): Promise<void> =>
  send(c, stage, { origin, draft: { mode, isInvoke, from: JSON.stringify(origin) }, facts: { route: "message", invoke: isInvoke } });

/** `version`: the one that the caller has seen; `old` is another than that of now, `none` is not named. */
export async function editMessage(
  c: Conversation,
  stage: Stage,
  { target, origin, version }: { target: number; origin: Origin; version: "none" | "now" | "old" },
): Promise<void> {
  const message = pick(c.messages, target);
  const expectedVersion = version === "none" ? undefined : (await versionOf(stage)) - (version === "old" ? 1 : 0);
  await send(c, stage, {
    origin,
    draft: { mode: "auto", isInvoke: false, from: JSON.stringify(origin), edits: { message, isVersionRight: version !== "old" } },
    facts: { route: "edit", edits: { messageId: message.id, expectedVersion } },
  });
}

async function send(c: Conversation, stage: Stage, { origin, draft, facts }: { origin: Origin; draft: Draft; facts: SubmitFacts }) {
  const { world, agentId, conversationId, sent } = stage;
  const caller = stage.callers[origin.caller];
  const input = submitInput.parse({
    agentId,
    ...(conversationId !== null && { conversationId }),
    text: `message ${c.messages.length}`,
    mode: draft.mode,
    user: USERS[origin.user],
    options: OPTIONS[origin.options],
    // A key is used once by each caller; those of refused messages stay free.
    idempotencyKey: `${stage.marker}-${sent.length}`,
  });
  const real = await outcomeOf(world.gateway.submitMessage(caller, input, facts));
  const { message, ...due } = submit(c, draft);
  expectVerdict(real, due);
  if ("refused" in real || message === undefined) return;
  const { answer } = real;
  stage.conversationId ??= answer.conversationId as ConversationId;
  expect(answer).toMatchObject({ conversationId: stage.conversationId, replayed: false });
  message.id = answer.messageId;
  message.turnId = answer.turnId;
  sent.push({ caller, input, facts, answer });
}

/** The caller did not hear the answer and sends the same again: it gets that answer, and nothing happens. */
export async function sendAgain(stage: Stage, choice: number): Promise<void> {
  const { caller, input, facts, answer } = pick(stage.sent, choice);
  const again = await stage.world.otherGateway.submitMessage(caller, input, facts);
  expect(again).toEqual({ ...answer, replayed: true });
}

async function versionOf({ world, conversationId }: Stage): Promise<number> {
  return (await world.gateway.getRunState(world.caller, conversationId ?? "")).version;
}
