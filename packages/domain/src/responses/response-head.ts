import { conversationIdOf, type ResponseSnapshot } from "./response.ts";
import type { ResponseRequest } from "./response-request.ts";

interface Head {
  id: string;
  model: string;
  /** Unix seconds. */
  createdAt: number;
  conversation: string | null;
}

/** A response before anything was said: every member that the wire knows. */
export function responseHead(request: ResponseRequest, { id, model, createdAt, conversation }: Head): ResponseSnapshot {
  return {
    id,
    object: "response",
    created_at: createdAt,
    completed_at: null,
    status: "queued",
    incomplete_details: null,
    error: null,
    model,
    previous_response_id: request.previousResponseId,
    instructions: request.instructions,
    output: [],
    tools: request.tools,
    tool_choice: request.toolChoice,
    parallel_tool_calls: request.parallelToolCalls,
    max_tool_calls: request.maxToolCalls,
    text: request.text,
    reasoning: request.reasoning,
    truncation: request.truncation,
    temperature: request.temperature ?? 1,
    top_p: request.topP ?? 1,
    presence_penalty: request.presencePenalty ?? 0,
    frequency_penalty: request.frequencyPenalty ?? 0,
    top_logprobs: request.topLogprobs ?? 0,
    max_output_tokens: request.maxOutputTokens,
    usage: null,
    store: request.store,
    background: request.background,
    service_tier: "default",
    metadata: request.metadata,
    safety_identifier: request.safetyIdentifier,
    prompt_cache_key: request.promptCacheKey,
    ...(request.user !== null && { user: request.user }),
    ...(conversation !== null && { conversation: { id: conversationIdOf(conversation) } }),
  };
}
