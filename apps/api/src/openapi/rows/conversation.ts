import { EXECUTION_STATUSES, messageMode, QUEUED_MESSAGE_STATES } from "@parley/contracts";
import { z } from "zod";
import type { approvalRow, cardRow, questionsRow } from "../../rest/card-row.ts";
import type { conversationRow, messageRow, runStateRow, threadMessageRow } from "../../rest/conversation-row.ts";
import { execution, user } from "./execution.ts";

const text = z.string().nullable();
const time = z.iso.datetime();
const uuid = z.uuid();
const count = z.int().min(0);
const files = z.array(z.string());
const cursor = z.string().nullable().meta({ description: "There is more before this cursor: `?before=`. Null: nothing is left out." });

const questions: z.ZodType<ReturnType<typeof questionsRow>> = z
  .object({
    id: uuid,
    created_at: time,
    kind: z.literal("ask_user_questions"),
    status: z.enum(["pending", "answered", "cancelled"]),
    outcome: text,
    questions: z.array(
      z.object({
        id: z.string(),
        text: z.string(),
        header: text,
        multi_select: z.boolean(),
        allow_free_text: z.boolean(),
        required: z.boolean(),
        options: z.array(z.object({ id: z.string(), label: z.string(), description: z.string().optional() })),
      }),
    ),
    answers: z.array(z.object({ question_id: z.string(), selected_option_ids: z.array(z.string()), free_text: text })).nullable(),
    turn_id: uuid.nullable(),
  })
  .meta({ id: "Questions" });

const approval: z.ZodType<ReturnType<typeof approvalRow>> = z
  .object({
    id: uuid,
    created_at: time,
    kind: z.literal("approval"),
    status: z.string(),
    outcome: text,
    tool_name: z.string(),
    payload: z.unknown(),
    arguments_hash: z.string(),
    agent_id: uuid,
    tainted: z.boolean(),
    comment: text,
    turn_id: uuid.nullable(),
  })
  .meta({ id: "Approval" });

const waiting = z.object({ task_id: uuid, expires_at: time.nullable() });
const card: z.ZodType<ReturnType<typeof cardRow>> = z.intersection(z.union([questions, approval]), waiting).meta({ id: "Card" });

const queued = z.object({
  id: uuid,
  text: z.string(),
  files,
  user,
  enqueued_at: time,
  idempotency_key: text,
  mode: messageMode,
  position: count,
  turn_id: uuid,
});

export const runState: z.ZodType<ReturnType<typeof runStateRow>> = z
  .object({
    conversation_id: uuid,
    is_running: z.boolean(),
    is_steerable: z.boolean(),
    steer_target: z.string(),
    active_child_id: uuid.nullable(),
    queue_depth: count,
    queued_messages: z.array(queued),
    execution_status: z.enum(EXECUTION_STATUSES),
    conversation_state: z.string(),
    state: z.enum(["idle", "ready", "running", "paused"]),
    held: z.boolean(),
    turn_id: uuid.nullable(),
    turn_number: count,
    cards_open: count,
    cards: z.array(card),
    steers_waiting: count,
    cursor: z.string(),
    version: z.int(),
    branch: count,
  })
  .meta({ id: "RunState" });

export const message: z.ZodType<ReturnType<typeof messageRow>> = z
  .object({
    id: uuid,
    conversation_id: uuid,
    agent_id: uuid,
    state: z.enum(QUEUED_MESSAGE_STATES),
    mode: messageMode,
    turn_id: uuid,
    is_steering: z.boolean(),
    position: count,
    text: z.string(),
    files,
    user,
    enqueued_at: time,
    expires_at: time.nullable(),
  })
  .meta({ id: "Message" });

const usage = z
  .object({ input_tokens: count, output_tokens: count, total_tokens: count, cost_usd: z.null(), llm_calls: count })
  .meta({ id: "Usage" });

type View = Omit<ReturnType<typeof conversationRow>["sub_executions"][number], "activity"> & {
  activity: Omit<ReturnType<typeof conversationRow>["sub_executions"][number]["activity"], "messages"> & { messages: object[] };
};
const view = z.object({
  execution,
  activity: z.object({
    id: uuid,
    created_at: time,
    messages: z.array(z.looseObject({ id: z.string(), created_at: time, kind: z.string() })),
    older: cursor,
    user,
  }),
  usage,
}) satisfies z.ZodType<View>;

export const conversation = z
  .object({
    conversation_id: uuid,
    version: z.int(),
    branch: count,
    branches: z.array(z.object({ branch: count, edited_message_id: uuid, ended_at: time })),
    branches_left_out: count,
    ...view.shape,
    sub_executions: z.array(view),
    sub_executions_left_out: count,
  })
  .meta({ id: "Conversation" });

const threadMessage: z.ZodType<ReturnType<typeof threadMessageRow>> = z
  .object({
    id: z.string(),
    role: z.enum(["user", "assistant"]),
    content: z.string(),
    files,
    created_at: z.int().meta({ description: "Unix seconds." }),
    metrics: usage.exactOptional(),
  })
  .meta({ id: "ThreadMessage" });

export const thread = z.array(threadMessage);
export const fullThread = z.record(z.string(), thread);
