import type { Usage } from "@parley/contracts";

/** JSON Schema, as providers take it. */
export type JsonSchema = Record<string, unknown>;

export interface ToolDefinition {
  name: string;
  description: string;
  parameters: JsonSchema;
}

export interface ToolCall {
  id: string;
  name: string;
  /** JSON as the model wrote it; it may be malformed. */
  arguments: string;
}

export type ModelMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: string; files?: string[] }
  | { role: "assistant"; content: string; toolCalls?: ToolCall[] }
  | { role: "tool"; toolCallId: string; content: string };

export interface ModelRequest {
  /** `<provider>/<model>`, for example `local/chat` or `openrouter/meta-llama/llama-3.3-70b-instruct`. */
  model: string;
  messages: ModelMessage[];
  tools?: ToolDefinition[];
  toolChoice?: "auto" | "none" | "required" | { name: string };
  responseSchema?: JsonSchema;
  temperature?: number;
  maxOutputTokens?: number;
  reasoningEffort?: string;
  /** Aborting it closes the upstream socket. */
  signal: AbortSignal;
}

export type FinishReason = "stop" | "tool_calls" | "length" | "content_filter";

export type ModelChunk =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  /** A piece of calls as it comes in, for those who count; `finish` has them whole. */
  | { type: "call"; text: string }
  /** Always the last one of a whole response. `usage` is null where the provider sent none. */
  | { type: "finish"; reason: FinishReason; toolCalls: ToolCall[]; usage: Usage | null };

/**
 * A language model. The stream ends with a `finish` chunk; a response that breaks off before it throws.
 * Failures are `GatewayError`s: `model_unavailable` may be tried again (after `retryAfterSeconds` where the
 * provider named it), `model_rejected` not. An abort throws the signal's reason.
 */
export interface Model {
  stream(request: ModelRequest): AsyncIterable<ModelChunk>;
  /** One vector per text. */
  embed(request: { model: string; texts: string[]; signal: AbortSignal }): Promise<{ vectors: number[][]; usage: Usage }>;
}
