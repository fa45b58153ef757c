import { budgetPeriod, budgetScope, EXECUTION_STATUSES, endUser, outputFormat, reasoningEffort } from "@parley/contracts";
import { z } from "zod";
import type { executionRow, taskPage, userRow } from "../../rest/execution-row.ts";
import type { RefusedRow } from "../../tell-refused-by.ts";

const text = z.string().nullable();
const time = z.iso.datetime();
const uuid = z.uuid();
const flag = z.boolean();
const count = z.int().min(0);

export const user: z.ZodType<ReturnType<typeof userRow>> = z
  .object({
    email: z.string(),
    display_name: text,
    id: text,
    first_name: text,
    last_name: text,
    additional_attributes: endUser.shape.additionalAttributes.unwrap().unwrap().nullable(),
    timezone: text,
  })
  .nullable()
  .meta({ id: "User", description: "Whom a turn is attributed to; null: nobody." });

/** Of a turn that had no money. */
export const refusedRow: z.ZodType<RefusedRow> = z
  .object({
    kind: z.enum(["balance", "budget"]),
    scope: budgetScope.optional(),
    period: budgetPeriod.optional(),
    too_large: z.literal(true).optional().meta({ description: "Something is left of it, and less than this needs." }),
  })
  .meta({ id: "RefusedTurn", description: "Which balance or budget had no room for a turn." });

const tokens = z.object({ completion_tokens: count, prompt_tokens: count, total_tokens: count });

/** Typed as the row that is sent, so that neither can change without the other. */
export const execution: z.ZodType<ReturnType<typeof executionRow>> = z
  .object({
    id: uuid,
    agent_id: uuid,
    organization_id: uuid,
    input: z.object({ text: z.string(), files: z.array(z.string()), user }),
    created_at: time,
    updated_at: time,
    status: z.enum(EXECUTION_STATUSES),
    internal_status: z.null(),
    last_executed_node_id: z.null(),
    agent_version: z.string(),
    started_at: time.nullable(),
    paused_at: time.nullable(),
    finished_at: time.nullable(),
    result: text,
    parent_execution: uuid.nullable(),
    sub_executions: z.array(uuid),
    finished_sub_executions: z.array(uuid),
    should_update_parent: flag,
    is_manually_stopped: flag,
    is_background: flag,
    payload_extension: z.record(z.string(), z.json()).nullable(),
    hitl_request: z.null(),
    pending_eca_request: z.null(),
    source: text,
    source_node_type: text,
    worker_id: text,
    additional_context: text,
    instructions_override: text,
    expected_output: text,
    test_run_node_id: z.null(),
    is_orchestration: flag,
    is_gateway: flag,
    output_format: outputFormat,
    voice_id: z.null(),
    output_schema: z.record(z.string(), z.json()).nullable(),
    events_streaming: flag,
    used_mutating_tools: flag,
    is_continuous: flag,
    mcp_servers: z.array(z.never()),
    triggering_agent_id: text,
    title: text,
    think_mode: z.enum(["default", "harder"]),
    disable_attachment_injection: flag,
    user_tokens: z.null(),
    user_oidc_token: z.null(),
    deep_planning: z.object({ enabled: flag, enforce: flag, started: flag, question_raised: flag, tasks: z.array(z.never()) }),
    execution_attempts: z.int().min(1),
    return_metrics: flag,
    tokens: tokens.nullable(),
    used_tools: z.array(z.string()),
    duration: z.number().meta({ description: "Seconds." }),
    llm_model_provider: text,
    llm_model_name: text,
    llm_reasoning_effort: reasoningEffort.nullable(),
    conversation_kind: z.enum(["gateway", "task"]),
    turn_id: uuid.nullable(),
    turn_number: count,
    reason: z
      .custom<ReturnType<typeof executionRow>["reason"]>()
      .meta({ type: ["string", "null"], description: "Why a turn ended other than by an answer." }),
    refused_by: refusedRow.nullable(),
  })
  .meta({ id: "Execution", description: "A run of an agent; a conversation's own describes its latest turn." });

const task = z.object({
  id: uuid,
  agent_id: uuid,
  user_id: text,
  parent_task_id: uuid.nullable(),
  triggering_agent_id: text,
  organization_id: uuid,
  status: z.enum(EXECUTION_STATUSES),
  created_at: time,
  updated_at: time,
  source_node_type: text,
  result: text,
  title: text,
});

/** What every list on this wire has beside its items. */
export const pageFacts = { total: count, page: z.int().min(1), per_page: z.int().min(1), total_pages: count };

export const tasks: z.ZodType<ReturnType<typeof taskPage>> = z.object({ items: z.array(task), ...pageFacts }).meta({ id: "TaskPage" });
