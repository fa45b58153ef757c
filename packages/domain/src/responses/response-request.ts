import { isObject, USER_NAME_CHARS_MAX, unreadableParameters } from "@parley/contracts";
import { readInput } from "./read-input.ts";
import { type Json, wrongParameter } from "./response.ts";

export interface FunctionTool extends Json {
  type: "function";
  name: string;
  description: string | null;
  parameters: Json | null;
  strict: boolean | null;
}

export type ToolChoice =
  | "none"
  | "auto"
  | "required"
  | { type: "function"; name: string }
  | { type: "allowed_tools"; mode: "none" | "auto" | "required"; tools: Json[] };

export type TextFormat = Json &
  (
    | { type: "text" }
    | { type: "json_object" }
    | { type: "json_schema"; name: string; description: string | null; schema: Json; strict: boolean }
  );

/** What is asked for, checked and with every member that it did not have. */
export interface ResponseRequest {
  model: string;
  /** As it came, each an object with a `type`; messages have their content in parts. */
  input: Json[];
  instructions: string | null;
  previousResponseId: string | null;
  conversation: string | null;
  background: boolean;
  store: boolean;
  include: string[];
  tools: FunctionTool[];
  toolChoice: ToolChoice;
  parallelToolCalls: boolean;
  maxToolCalls: number | null;
  maxOutputTokens: number | null;
  text: { format: TextFormat; verbosity?: string };
  reasoning: { effort: string | null; summary: string | null } | null;
  temperature: number | null;
  topP: number | null;
  presencePenalty: number | null;
  frequencyPenalty: number | null;
  topLogprobs: number | null;
  truncation: "auto" | "disabled";
  metadata: Record<string, string>;
  safetyIdentifier: string | null;
  promptCacheKey: string | null;
  user: string | null;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const TOOLS_MAX = 1_024;
const ALLOWED_MAX = 128;
const PAIRS_MAX = 16;

/** `null` is as good as absent, everywhere. */
const given = (body: Json, name: string): unknown => body[name] ?? undefined;

function text(body: Json, name: string, charsMax = Number.POSITIVE_INFINITY): string | null {
  const value = given(body, name);
  if (value === undefined) return null;
  if (typeof value !== "string") throw wrongParameter(name, `Invalid type for '${name}': expected a string.`, "invalid_type");
  if (value.length > charsMax) throw wrongParameter(name, `'${name}' may have ${charsMax} characters at most.`, "string_above_max_length");
  return value;
}

function flag(body: Json, name: string, otherwise: boolean): boolean {
  const value = given(body, name);
  if (value === undefined) return otherwise;
  if (typeof value !== "boolean") throw wrongParameter(name, `Invalid type for '${name}': expected a boolean.`, "invalid_type");
  return value;
}

interface Range {
  min: number;
  max: number;
  whole?: boolean;
}

function number(body: Json, name: string, { min, max, whole = false }: Range): number | null {
  const value = given(body, name);
  if (value === undefined) return null;
  if (typeof value !== "number" || (whole && !Number.isInteger(value)))
    throw wrongParameter(name, `Invalid type for '${name}': expected ${whole ? "an integer" : "a number"}.`, "invalid_type");
  if (value < min || value > max) throw wrongParameter(name, `'${name}' must be between ${min} and ${max}.`);
  return value;
}

function oneOf<Word extends string>(body: Json, name: string, words: readonly Word[], place: string = name): Word | null {
  const value = given(body, name);
  if (value === undefined) return null;
  const known = words.find((word) => word === value);
  if (known === undefined) throw wrongParameter(place.split("."), `'${place}' must be one of ${words.join(", ")}.`);
  return known;
}

function object(body: Json, name: string): Json {
  const value = given(body, name) ?? {};
  if (!isObject(value)) throw wrongParameter(name, `Invalid type for '${name}': expected an object.`, "invalid_type");
  return value;
}

function list(body: Json, name: string): unknown[] {
  const value = given(body, name) ?? [];
  if (!Array.isArray(value)) throw wrongParameter(name, `Invalid type for '${name}': expected a list.`, "invalid_type");
  return value;
}

/** At most 16 pairs of short texts. */
export function readMetadata(body: Json): Record<string, string> {
  const metadata = object(body, "metadata");
  const pairs = Object.entries(metadata);
  if (pairs.length > PAIRS_MAX) throw wrongParameter("metadata", `'metadata' may have ${PAIRS_MAX} pairs at most.`);
  for (const [key, value] of pairs) {
    if (key.length > 64 || typeof value !== "string" || value.length > 512)
      throw wrongParameter(["metadata", key], "A key has 64 characters at most, a value is a text of 512 at most.");
  }
  return metadata as Record<string, string>;
}

function toolOf(tool: unknown, index: number): FunctionTool {
  const place = ["tools", index];
  if (!isObject(tool) || typeof tool.type !== "string") throw wrongParameter(place, "A tool has a type.", "missing_required_parameter");
  if (tool.type !== "function")
    throw wrongParameter([...place, "type"], `Tools of type '${tool.type}' are not served here.`, "unsupported_value");
  const { name, description, parameters, strict } = tool;
  if (typeof name !== "string" || !NAME.test(name))
    throw wrongParameter([...place, "name"], "A name has 1 to 64 letters, digits, underscores and hyphens.");
  if (isObject(parameters) && unreadableParameters(parameters) !== null)
    throw wrongParameter([...place, "parameters"], `Invalid schema for function '${name}'.`, "invalid_function_parameters");
  return {
    type: "function",
    name,
    description: typeof description === "string" ? description : null,
    parameters: isObject(parameters) ? parameters : null,
    strict: typeof strict === "boolean" ? strict : null,
  };
}

function choiceOf(body: Json, tools: FunctionTool[]): ToolChoice {
  const choice = given(body, "tool_choice");
  if (choice === undefined) return "auto";
  if (choice === "none" || choice === "auto") return choice;
  if (choice === "required") {
    if (tools.length === 0) throw wrongParameter("tool_choice", "Tool choice 'required' must be specified with 'tools' parameter.");
    return choice;
  }
  const isKnown = (name: unknown): name is string => tools.some((tool) => tool.name === name);
  if (isObject(choice) && choice.type === "function") {
    if (!isKnown(choice.name)) throw wrongParameter("tool_choice", `Tool choice '${String(choice.name)}' not found in 'tools' parameter.`);
    return { type: "function", name: choice.name };
  }
  if (!isObject(choice) || choice.type !== "allowed_tools")
    throw wrongParameter("tool_choice", "'tool_choice' must be none, auto, required, a function or allowed_tools.");
  const allowed = list(choice, "tools");
  if (allowed.length === 0 || allowed.length > ALLOWED_MAX)
    throw wrongParameter(["tool_choice", "tools"], `1 to ${ALLOWED_MAX} tools may be allowed.`);
  const named = allowed.map((tool, index) => {
    if (isObject(tool) && tool.type === "function" && isKnown(tool.name)) return { type: "function", name: tool.name };
    throw wrongParameter(["tool_choice", "tools", index], "Only functions in 'tools' can be allowed.");
  });
  const mode = oneOf(choice, "mode", ["none", "auto", "required"], "tool_choice.mode") ?? "auto";
  return { type: "allowed_tools", mode, tools: named };
}

function formatOf(texts: Json): TextFormat {
  const format = given(texts, "format") ?? { type: "text" };
  if (!isObject(format)) throw wrongParameter(["text", "format"], "'text.format' is an object.", "invalid_type");
  if (format.type === "text" || format.type === "json_object") return { type: format.type };
  if (format.type !== "json_schema") throw wrongParameter(["text", "format", "type"], "Must be text, json_object or json_schema.");
  const { name, description, schema, strict } = format;
  if (typeof name !== "string" || !NAME.test(name))
    throw wrongParameter(["text", "format", "name"], "A name has 1 to 64 letters, digits, underscores and hyphens.");
  const why = isObject(schema) ? unreadableParameters(schema) : "it is no object.";
  if (!isObject(schema) || why !== null)
    throw wrongParameter(["text", "format", "schema"], `Invalid schema for response_format '${name}': ${why}`, "invalid_json_schema");
  return { type: "json_schema", name, description: typeof description === "string" ? description : null, schema, strict: strict === true };
}

function textOf(body: Json): ResponseRequest["text"] {
  const texts = object(body, "text");
  const verbosity = oneOf(texts, "verbosity", ["low", "medium", "high"], "text.verbosity");
  return { format: formatOf(texts), ...(verbosity !== null && { verbosity }) };
}

function reasoningOf(body: Json): ResponseRequest["reasoning"] {
  const reasoning = given(body, "reasoning");
  if (reasoning === undefined) return null;
  const asked = object(body, "reasoning");
  const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
  return {
    effort: oneOf(asked, "effort", efforts, "reasoning.effort"),
    summary: oneOf(asked, "summary", ["auto", "concise", "detailed"], "reasoning.summary"),
  };
}

function conversationOf(body: Json): string | null {
  const conversation = given(body, "conversation");
  const id = isObject(conversation) ? conversation.id : conversation;
  if (id === undefined) return null;
  if (typeof id !== "string") throw wrongParameter("conversation", "A conversation is named by its id.", "invalid_type");
  return id;
}

/** Reads a request. Members that are not known are nobody's business. Throws `bad_request` with the place of what is wrong. */
export function readResponseRequest(body: unknown): ResponseRequest {
  if (!isObject(body)) throw wrongParameter([], "The body must be a JSON object.", "invalid_type");
  const model = text(body, "model");
  if (model === null || model === "") throw wrongParameter("model", "Missing required parameter: 'model'.", "missing_required_parameter");
  const tools = list(body, "tools");
  if (tools.length > TOOLS_MAX) throw wrongParameter("tools", `At most ${TOOLS_MAX} tools.`);
  const functions = tools.map(toolOf);
  const request: ResponseRequest = {
    model,
    input: readInput(body),
    instructions: text(body, "instructions"),
    previousResponseId: text(body, "previous_response_id"),
    conversation: conversationOf(body),
    background: flag(body, "background", false),
    store: flag(body, "store", true),
    include: list(body, "include").filter((one) => typeof one === "string"),
    tools: functions,
    toolChoice: choiceOf(body, functions),
    parallelToolCalls: flag(body, "parallel_tool_calls", true),
    maxToolCalls: number(body, "max_tool_calls", { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true }),
    maxOutputTokens: number(body, "max_output_tokens", { min: 16, max: Number.MAX_SAFE_INTEGER, whole: true }),
    text: textOf(body),
    reasoning: reasoningOf(body),
    temperature: number(body, "temperature", { min: 0, max: 2 }),
    topP: number(body, "top_p", { min: 0, max: 1 }),
    presencePenalty: number(body, "presence_penalty", { min: -2, max: 2 }),
    frequencyPenalty: number(body, "frequency_penalty", { min: -2, max: 2 }),
    topLogprobs: number(body, "top_logprobs", { min: 0, max: 20, whole: true }),
    truncation: oneOf(body, "truncation", ["auto", "disabled"]) ?? "disabled",
    metadata: readMetadata(body),
    safetyIdentifier: text(body, "safety_identifier", 64),
    promptCacheKey: text(body, "prompt_cache_key", 64),
    user: text(body, "user", USER_NAME_CHARS_MAX),
  };
  if (request.previousResponseId !== null && request.conversation !== null) {
    const message = "Only one of 'previous_response_id' and 'conversation' can be given.";
    throw wrongParameter("previous_response_id", message, "mutually_exclusive_parameters");
  }
  if (request.background && !request.store) throw wrongParameter("background", "Background responses need 'store' to be true.");
  return request;
}
