import type { EndUser, Execution, Page, Usage } from "@parley/contracts";
import { isTerminal } from "@parley/contracts";
import { refusedRow } from "../tell-refused-by.ts";

/** An end user in the words of the wire. A role is never echoed: claimed ones are dropped on the way in. */
export const userRow = (user: EndUser | null) =>
  user && {
    email: user.email,
    display_name: user.displayName ?? null,
    id: user.id ?? null,
    first_name: user.firstName ?? null,
    last_name: user.lastName ?? null,
    additional_attributes: user.additionalAttributes ?? null,
    timezone: user.timezone ?? null,
  };

const tokensRow = (usage: Usage) => ({
  completion_tokens: usage.outputTokens,
  prompt_tokens: usage.inputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
});

/** `<provider>/<model>` in two parts; a name without a slash has no provider. */
function modelParts(model: string | undefined) {
  const slash = model?.indexOf("/") ?? -1;
  if (model === undefined) return { provider: null, name: null };
  return slash < 0 ? { provider: null, name: model } : { provider: model.slice(0, slash), name: model.slice(slash + 1) };
}

const secondsBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1_000;

/** The reason stands in `result` where a failed turn said nothing: clients of this door look nowhere else. */
const resultOf = ({ status, result, reason }: Execution): string | null =>
  result ?? (status === "failed" || status === "error" ? reason : null);

/**
 * The whole execution row. Every member of the wire's type is there, those we keep nothing for with their defaults;
 * secrets are never echoed. Times are ISO-8601 UTC, `duration` is in seconds.
 * `sub_executions` has the children still at work, `finished_sub_executions` the others.
 */
export function executionRow(execution: Execution) {
  const { options, startedAt, finishedAt } = execution;
  const model = modelParts(options.model);
  return {
    id: execution.id,
    agent_id: execution.agentId,
    organization_id: execution.organizationId,
    input: { text: execution.input.text, files: execution.input.files, user: userRow(execution.user) },
    created_at: execution.createdAt,
    updated_at: execution.updatedAt,
    status: execution.status,
    internal_status: null,
    last_executed_node_id: null,
    agent_version: String(execution.agentVersion),
    started_at: startedAt,
    paused_at: execution.status === "paused" ? execution.updatedAt : null,
    finished_at: finishedAt,
    result: resultOf(execution),
    parent_execution: execution.parentId,
    sub_executions: execution.childIds.filter((id) => !execution.finishedChildIds.includes(id)),
    finished_sub_executions: execution.finishedChildIds,
    should_update_parent: execution.mode === "async",
    is_manually_stopped: execution.stoppedByUser,
    is_background: execution.mode === "async",
    payload_extension: options.payloadExtension ?? null,
    hitl_request: null,
    pending_eca_request: null,
    source: options.source ?? null,
    source_node_type: options.sourceNodeType ?? null,
    worker_id: options.workerId ?? null,
    additional_context: options.additionalContext ?? null,
    instructions_override: options.instructionsOverride ?? null,
    expected_output: options.expectedOutput ?? null,
    test_run_node_id: null,
    is_orchestration: false,
    is_gateway: execution.parentId === null,
    output_format: options.outputFormat ?? "text",
    voice_id: null,
    output_schema: options.outputSchema ?? null,
    events_streaming: false,
    used_mutating_tools: false,
    is_continuous: false,
    mcp_servers: [],
    triggering_agent_id: options.triggeringAgentId ?? null,
    title: execution.title,
    think_mode: options.thinkMode ?? "default",
    disable_attachment_injection: false,
    user_tokens: null,
    user_oidc_token: null,
    deep_planning: { enabled: false, enforce: false, started: false, question_raised: false, tasks: [] },
    execution_attempts: Math.max(execution.attempt, 1),
    return_metrics: options.returnMetrics ?? false,
    tokens: isTerminal(execution.status) ? tokensRow(execution.usage) : null,
    used_tools: execution.usedTools ?? [],
    duration: startedAt && finishedAt ? secondsBetween(startedAt, finishedAt) : 0,
    llm_model_provider: model.provider,
    llm_model_name: model.name,
    llm_reasoning_effort: options.reasoningEffort ?? null,
    conversation_kind: execution.parentId === null ? "gateway" : "task",
    turn_id: execution.turnId,
    turn_number: execution.turnNumber,
    reason: execution.reason,
    refused_by: execution.refusedBy && refusedRow(execution.refusedBy),
  };
}

const taskItem = (execution: Execution) => ({
  id: execution.id,
  agent_id: execution.agentId,
  user_id: execution.user?.id ?? null,
  parent_task_id: execution.parentId,
  triggering_agent_id: execution.options.triggeringAgentId ?? null,
  organization_id: execution.organizationId,
  status: execution.status,
  created_at: execution.createdAt,
  updated_at: execution.updatedAt,
  source_node_type: execution.options.sourceNodeType ?? null,
  result: resultOf(execution),
  title: execution.title,
});

export const taskPage = (page: Page<Execution>) => ({
  items: page.items.map(taskItem),
  total: page.total,
  page: page.page,
  per_page: page.perPage,
  total_pages: Math.ceil(page.total / page.perPage),
});
