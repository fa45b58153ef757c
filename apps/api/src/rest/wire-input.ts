import type { ChangeMessage, EndUser, QuestionAnswer, SubmitInput, TurnOptions } from "@parley/contracts";
import {
  agentVersion,
  cardId,
  changeMessageInput,
  conversationId,
  decideInput,
  deleteExecutionInput,
  dispatchMode,
  editInput,
  endUser,
  messageInput,
  messageMode,
  outputFormat,
  queried,
  questionAnswer,
  reasoningEffort,
  rowIndex,
  rowNumber,
  turnId,
  turnOptions,
} from "@parley/contracts";
import { idempotencyKey } from "@parley/router";
import { z } from "zod";

const { shape: option } = turnOptions;

/** Null and absent mean the same on this wire. */
const text = messageInput.shape.text.nullish().transform((value) => value ?? "");
const files = messageInput.shape.files.nullish().transform((value) => value ?? []);
const string = z.string().nullish();
const boolean = z.boolean().nullish();

/** A claimed `role` or `is_super_admin` is an unknown field like any other. */
const user = z
  .object({
    email: endUser.shape.email,
    display_name: endUser.shape.displayName,
    id: endUser.shape.id,
    first_name: endUser.shape.firstName,
    last_name: endUser.shape.lastName,
    additional_attributes: endUser.shape.additionalAttributes,
    timezone: endUser.shape.timezone,
  })
  .transform(
    (wire): EndUser => ({
      email: wire.email,
      displayName: wire.display_name,
      id: wire.id,
      firstName: wire.first_name,
      lastName: wire.last_name,
      additionalAttributes: wire.additional_attributes,
      timezone: wire.timezone,
    }),
  )
  .nullish();

const saysSomething = (input: { text: string; files: string[] }): boolean => input.text !== "" || input.files.length > 0;
const saysNothing = { message: "Text or files are needed.", path: ["text"] };

const SURFACES = ["workbench", "sdk", "task", "assistant", "webhook", "mcp", "a2a", "telegram", "slack"] as const;
const surface = z.string().transform((name) => SURFACES.find((known) => known === name) ?? "sdk");

/** Members that we keep nothing for are checked for their type and dropped, the user's secrets among them. */
export const invokeBody = z.object({
  input: z.object({ text, files, user }).refine(saysSomething, saysNothing),
  id: conversationId.nullish(),
  on_running: messageMode.exclude(["auto"]).nullish(),
  idempotency_key: idempotencyKey.nullish(),
  payload_extension: option.payloadExtension.nullish(),
  parent_execution_id: string,
  worker_id: option.workerId.nullish(),
  source: option.source.nullish(),
  source_node_type: surface.nullish(),
  output_format: outputFormat.nullish(),
  output_schema: option.outputSchema.nullish(),
  run_locally: boolean,
  additional_context: option.additionalContext.nullish(),
  instructions_override: option.instructionsOverride.nullish(),
  test_run_node_id: string,
  expected_output: option.expectedOutput.nullish(),
  events_streaming: boolean,
  mcp_servers: z
    .array(z.record(z.string(), z.unknown()))
    .refine((servers) => servers.length === 0, "MCP servers are not served yet.")
    .nullish(),
  triggering_agent_id: option.triggeringAgentId.nullish(),
  title: option.title.nullish(),
  think_mode: option.thinkMode.nullish(),
  disable_attachment_injection: boolean,
  user_tokens: z.record(z.string(), z.unknown()).nullish(),
  user_oidc_token: string,
  return_metrics: boolean,
  llm_model_provider: z.string().max(100).nullish(),
  llm_model_name: z.string().min(1).max(100).nullish(),
  llm_reasoning_effort: reasoningEffort.nullish(),
});
export type InvokeBody = z.output<typeof invokeBody>;

const version = z.union([z.literal("latest").transform(() => undefined), agentVersion], {
  error: "Input should be 'draft', 'latest' or a version's number",
});
export const runQuery = z.object({ version: version.optional(), sub_tasks: dispatchMode.optional() });
export type RunQuery = z.output<typeof runQuery>;

/** For what goes on with messages that are there already: each has the version that it was sent with. */
export const resumeQuery = z.object({
  version: version.refine((chosen) => chosen === undefined, "A message runs with the version that it was sent with.").optional(),
});

export const messageBody = z
  .object({ text, files, user, mode: messageMode.nullish(), run: boolean, idempotency_key: idempotencyKey.nullish() })
  .refine(saysSomething, saysNothing);

const { shape: edit } = editInput;
export const editBody = invokeBody.extend({ expected_version: edit.expectedVersion.nullish() });
export const editQuery = runQuery.extend({ expected_version: queried(rowNumber).optional() });

const answer = z
  .object({
    question_id: questionAnswer.shape.questionId,
    selected_option_ids: questionAnswer.shape.selectedOptionIds.nullish(),
    free_text: questionAnswer.shape.freeText,
    answer: questionAnswer.shape.answer.nullish(),
  })
  .transform(
    (wire): QuestionAnswer => ({
      questionId: wire.question_id,
      selectedOptionIds: wire.selected_option_ids ?? undefined,
      freeText: wire.free_text,
      answer: wire.answer ?? undefined,
    }),
  );
/** Whoever answers is known by their credential; `user` is looked at no further. */
export const answersBody = z.object({ decision_id: cardId, answers: z.array(answer).max(10), user });

const { shape: decide } = decideInput;
export const decisionBody = z.object({
  decision: decide.decision,
  arguments_hash: decide.argumentsHash.nullish(),
  comment: decide.comment.nullish(),
});

const { shape: change } = changeMessageInput;
/** What is absent or null stays as it is. */
export const changeBody = z
  .object({ text: change.text.nullish(), files: change.files.nullish(), position: change.position.nullish() })
  .refine(({ text, files, position }) => text != null || files != null || position != null, {
    message: "A text, files or a position is needed.",
  })
  .transform(
    ({ text, files, position }): Omit<ChangeMessage, "conversationId" | "messageId"> => ({
      text: text ?? undefined,
      files: files ?? undefined,
      position: position ?? undefined,
    }),
  );

/** Branches count from 0. */
export const branchQuery = z.object({ branch: queried(rowIndex).optional() });

export const deleteQuery = z.object({ memories: deleteExecutionInput.shape.memories });

export const stopBody = z.object({ clear_queue: boolean, turn_id: turnId.nullish() });

interface Invoke {
  agentId: SubmitInput["agentId"];
  body: InvokeBody;
  query: RunQuery;
  key: string | undefined;
}

/** What an invoke means to the domain. An absent user stays absent: a conversation keeps the one it has. */
export function toSubmitInput({ agentId, body, query, key }: Invoke): SubmitInput {
  return {
    agentId,
    conversationId: body.id ?? undefined,
    version: query.version,
    // To queue behind what runs is what `auto` does there; on an idle conversation it runs.
    mode: body.on_running == null || body.on_running === "queue" ? "auto" : body.on_running,
    text: body.input.text,
    files: body.input.files,
    user: body.input.user ?? undefined,
    options: toOptions(body, query),
    idempotencyKey: key,
  };
}

const toOptions = (body: InvokeBody, query: RunQuery): TurnOptions => ({
  instructionsOverride: body.instructions_override ?? undefined,
  additionalContext: body.additional_context ?? undefined,
  expectedOutput: body.expected_output ?? undefined,
  outputFormat: body.output_format ?? undefined,
  outputSchema: body.output_schema ?? undefined,
  model: modelName(body),
  reasoningEffort: body.llm_reasoning_effort ?? undefined,
  subTasks: query.sub_tasks,
  title: body.title ?? undefined,
  source: body.source ?? undefined,
  sourceNodeType: body.source_node_type ?? undefined,
  workerId: body.worker_id ?? undefined,
  triggeringAgentId: body.triggering_agent_id ?? undefined,
  payloadExtension: body.payload_extension ?? undefined,
  thinkMode: body.think_mode ?? undefined,
  returnMetrics: body.return_metrics ?? undefined,
});

/** Without a name the agent's own model runs, whatever provider is given. */
function modelName({ llm_model_provider: provider, llm_model_name: name }: InvokeBody): string | undefined {
  if (!name) return undefined;
  return provider ? `${provider}/${name}` : name;
}
