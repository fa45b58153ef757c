import {
  type ConversationId,
  type Cursor,
  type EndUser,
  type Execution,
  type MessageId,
  type MessageMode,
  newId,
  type SubmitInput,
  type SubmitResult,
  type TurnId,
  userName,
} from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import type { Following, FollowOptions, SubmitFacts } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { hashInput } from "../idempotency/hash-input.ts";
import type { Caller } from "../identity/caller.ts";
import { followLog } from "../log/follow-log.ts";
import { nameFiles } from "../media/name-files.ts";
import { bringPeers } from "../peer/bring-peers.ts";
import { announce } from "../turn/kick.ts";
import { nudgeDoomed } from "./announce-stop.ts";
import { checkMessage } from "./check-message.ts";
import type { NewMessage, Submitted } from "./conversation-store.ts";
import { firstExecution } from "./first-execution.ts";

/** What an admission needs; a worker has it, too. */
export type SubmitContext = Pick<
  GatewayContext,
  "conversations" | "catalog" | "media" | "publicUrl" | "hashBody" | "limits" | "queue" | "tail" | "log" | "vault"
>;

/** Accepts a message: when this resolves it is committed, and its turn runs or waits. */
export async function submitMessage(context: SubmitContext, caller: Caller, input: SubmitInput, facts: SubmitFacts): Promise<SubmitResult> {
  const message = await prepare(context, caller, input, facts);
  const submitted = await admit(context, caller, message);
  return resultOf(submitted, message.mode);
}

/** Accepts a message and shows the conversation's execution with it; null where the call is a repeated one. */
export async function submitAndShow(
  context: SubmitContext,
  caller: Caller,
  input: SubmitInput,
  facts: SubmitFacts,
): Promise<{ submitted: SubmitResult; execution: Execution | null }> {
  const message = { ...(await prepare(context, caller, input, facts)), wantsExecution: true };
  const submitted = await admit(context, caller, message);
  const execution = submitted.replayed ? null : (submitted.execution ?? firstExecution(message, submitted.at));
  return { submitted: resultOf(submitted, message.mode), execution };
}

/** Accepts a message and follows from just before it: the tail is attached first, so nothing is read in between. */
export async function submitAndFollow(
  context: GatewayContext,
  caller: Caller,
  input: SubmitInput,
  facts: SubmitFacts & FollowOptions,
): Promise<Following & { submitted: SubmitResult }> {
  const message = await prepare(context, caller, input, facts);
  const wanted = { ...message, wantsExecution: true };
  const follower = await context.followers.open(message, START_UNKNOWN, facts.signal);
  try {
    const submitted = await admit(context, caller, wanted);
    const { conversationId } = submitted;
    const execution = submitted.execution ?? firstExecution(message, submitted.at);
    if (conversationId !== message.conversationId) {
      // A repeated call that had started a conversation: its first answer names it.
      follower.close();
      return { ...(await attachAgain(context, caller, submitted, facts.signal)), execution, submitted: resultOf(submitted, message.mode) };
    }
    follower.position = submitted.cursor as Cursor;
    follower.push(submitted.replayed || submitted.events.length === 0 ? null : submitted.events);
    return { execution, cursor: follower.position, events: followLog(context, follower), submitted: resultOf(submitted, message.mode) };
  } catch (error) {
    follower.close();
    throw error;
  }
}

/** Beyond every real cursor: what the tail brings before the admission's own cursor is known is not handed on. */
const START_UNKNOWN = `${Number.MAX_SAFE_INTEGER}-0` as Cursor;

async function attachAgain(context: GatewayContext, caller: Caller, submitted: Submitted, signal: AbortSignal) {
  const cursor = submitted.cursor as Cursor;
  const key = { organizationId: caller.organizationId, conversationId: submitted.conversationId };
  const follower = await context.followers.open(key, cursor, signal);
  follower.push(null);
  return { cursor, events: followLog(context, follower) };
}

async function admit(context: SubmitContext, caller: Caller, message: NewMessage): Promise<Submitted> {
  const submitted = await context.conversations.submit(message);
  // The row is the truth and is committed; the answer does not wait for those who are told.
  nudgeDoomed(context, submitted.doomed);
  void announce(context, caller.organizationId, submitted);
  return submitted;
}

async function prepare(context: SubmitContext, caller: Caller, input: SubmitInput, facts: SubmitFacts): Promise<NewMessage> {
  checkMessage(input, context.limits);
  const agent = await findAgent(context, caller, input.agentId, input.version);
  const files = await nameFiles(context, caller, input.files);
  const { invoke = false, edits, keepNothingWhenIdle = false, past, peers = [], outputTokensMax } = facts;
  // Left out where it is false: that is the same body as on the doors that know of no such thing.
  const keepsNothing = keepNothingWhenIdle || undefined;
  const conversationId = input.conversationId ?? newId<ConversationId>();
  const { organizationId } = caller;
  const turnId = newId<TurnId>();
  const brought = bringPeers(context, peers, { organizationId, turnId, mode: input.mode });
  const bringsPeers = brought.length > 0;
  return {
    organizationId,
    principalId: caller.principalId,
    route: facts.route,
    conversationId,
    isNew: input.conversationId === undefined,
    mayCreate: input.conversationId === undefined || invoke,
    agentId: input.agentId,
    agentVersion: agent.version,
    messageId: newId<MessageId>(),
    turnId,
    text: input.text,
    files,
    user: input.user === undefined ? null : knownUser(input.user),
    // A mark by which the turn knows that it has them; what they are is read apart.
    options: { ...input.options, ...(bringsPeers && { peers: brought.length }), ...(outputTokensMax !== undefined && { outputTokensMax }) },
    mode: edits === undefined ? input.mode : "interrupt",
    invoke,
    keepNothingWhenIdle,
    edits: edits?.messageId ?? null,
    expectedVersion: edits?.expectedVersion ?? null,
    idempotencyKey: input.idempotencyKey ?? null,
    bodyHash:
      input.idempotencyKey === undefined
        ? null
        : hashInput(context, { ...input, idempotencyKey: null, edits, keepsNothing, past, ...(bringsPeers && { peers }) }),
    queueMax: context.limits.queueMax,
    messageCharsMax: context.limits.messageCharsMax,
    filesMax: context.limits.filesPerMessageMax,
    graceMs: context.limits.idleQueueGraceMs,
    keptMs: context.limits.queuedMessageKeptMs,
    wantsExecution: false,
    past: past ?? null,
    ...(bringsPeers && { peers: brought }),
  };
}

/** The fields we know and no others: a claimed role or privilege is not kept. What the user is known by is the same on every door. */
const knownUser = ({ email, displayName, id, firstName, lastName, timezone, additionalAttributes }: EndUser): EndUser => ({
  email: userName(email) ?? "",
  displayName,
  id: id && userName(id),
  firstName,
  lastName,
  timezone,
  additionalAttributes,
});

const resultOf = (
  { action, mode, conversationId, messageId, turnId, position, queueDepth, cursor, replayed }: Submitted,
  askedMode: MessageMode,
): SubmitResult => ({
  action,
  mode,
  askedMode,
  conversationId,
  messageId,
  turnId,
  position,
  queueDepth,
  cursor,
  replayed,
});
