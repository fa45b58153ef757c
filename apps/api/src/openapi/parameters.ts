import { agentId, budgetInput, cardId, conversationId, executionId, hookId, keyId, memoryId, messageId, peerId } from "@parley/contracts";
import { z } from "zod";

interface Parameter {
  /** As callers know it. */
  name: string;
  schema: z.ZodType;
  /** Examples name the same things everywhere, so that a test can put real ones in their place. */
  example: string;
  description: string;
}

/** What stands in paths, by the name that the registry has for it. */
export const PARAMETERS: Record<string, Parameter> = {
  agentId: { name: "agent_id", schema: agentId, example: "0198a000-0000-7000-8000-000000000001", description: "The agent." },
  conversationId: {
    name: "conversation_id",
    schema: conversationId,
    example: "0198a000-0000-7000-8000-000000000002",
    description: "The conversation.",
  },
  messageId: { name: "message_id", schema: messageId, example: "0198a000-0000-7000-8000-000000000003", description: "The message." },
  cardId: { name: "card_id", schema: cardId, example: "0198a000-0000-7000-8000-000000000004", description: "The card." },
  memoryId: { name: "memory_id", schema: memoryId, example: "0198a000-0000-7000-8000-000000000005", description: "The memory." },
  peerId: { name: "peer_id", schema: peerId, example: "peer_000000000000000000000011", description: "The peer." },
  taskId: {
    name: "task_id",
    schema: executionId,
    example: "0198a000-0000-7000-8000-000000000002",
    description: "The execution: a conversation, or a child of one.",
  },
  servedTaskId: {
    name: "task_id",
    schema: z.string(),
    example: "0198a000-0000-7000-8000-00000000000e",
    description: "The task.",
  },
  pushId: { name: "push_id", schema: z.string(), example: "0198a000-0000-7000-8000-00000000000f", description: "Who is told." },
  sessionId: {
    name: "session_id",
    schema: z.string(),
    example: "ses_000000000000000000000006",
    description: "The session, or `current`.",
  },
  mediaId: { name: "media_id", schema: z.string(), example: "00000000000000000000000000000007.txt", description: "The file." },
  callId: {
    name: "call_id",
    schema: executionId,
    example: "0198a000-0000-7000-8000-00000000000d",
    description: "The call that the peer was given the address for.",
  },
  budgetId: {
    name: "budget_id",
    schema: budgetInput.shape.budgetId,
    example: "0198a000-0000-7000-8000-000000000010",
    description: "The budget.",
  },
  jobId: { name: "job_id", schema: z.string(), example: `job_${"0".repeat(64)}`, description: "The chat's turn." },
  hookId: { name: "hook_id", schema: hookId, example: "hook_00000000000000000000000a", description: "The hook." },
  path: {
    name: "path",
    schema: z.string(),
    example: "github",
    description: "Whatever the sender's mapping looks for; may have slashes, or be left out.",
  },
  responseId: {
    name: "response_id",
    schema: z.string(),
    example: "resp_0198a00000007000800000000000000a",
    description: "The response.",
  },
  itemsId: {
    name: "conversation_id",
    schema: z.string(),
    example: "conv_0198a00000007000800000000000000b",
    description: "The conversation of items.",
  },
  itemId: { name: "item_id", schema: z.string(), example: "msg_0198a00000007000800000000000000c", description: "The item." },
  id: { name: "id", schema: keyId, example: "key_000000000000000000000008", description: "The key." },
};

/** Of `/v1/models/*id`, which is no key. */
export const MODEL_NAME: Parameter = {
  name: "id",
  schema: z.string(),
  example: "local/chat",
  description: "The model; slashes may stand as they are.",
};
