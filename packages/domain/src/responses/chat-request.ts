import { isObject } from "@parley/contracts";
import { type Json, objectsIn, wrongParameter } from "./response.ts";
import type { ResponseRequest, ToolChoice } from "./response-request.ts";

/** Opens what was sealed for the same organization. Throws where it is not whole, or another's. */
export type Unseal = (sealed: string) => string;

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function chatPart(part: Json): Json {
  switch (part.type) {
    case "input_image":
      return typeof part.image_url === "string"
        ? { type: "image_url", image_url: { url: part.image_url, detail: part.detail ?? "auto" } }
        : { type: "file", file: { file_id: part.file_id } };
    case "input_file": {
      const { file_data, file_id, filename, file_url } = part;
      if (file_data === undefined && file_id === undefined)
        throw wrongParameter("input", "Files by their address are not taken here: send their data.", "unsupported_value");
      void file_url;
      return {
        type: "file",
        file: {
          ...(file_id !== undefined && { file_id }),
          ...(file_data !== undefined && { file_data }),
          ...(filename !== undefined && { filename }),
        },
      };
    }
    default:
      return { type: "text", text: textOf(part.text) };
  }
}

/** One text where there is nothing else, as every provider takes that. */
function chatContent(parts: Json[]): string | Json[] {
  const chat = parts.map(chatPart);
  return chat.every(({ type }) => type === "text") ? chat.map(({ text }) => text).join("\n") : chat;
}

interface Assistant extends Json {
  role: "assistant";
  content: string | null;
  tool_calls?: Json[];
}

/** Puts items in the order and shape of a chat: what the model did in one go is one message, and results stand right behind it. */
class ChatMessages {
  readonly messages: Json[] = [];
  readonly #unseal: Unseal;
  readonly #callIds = new Set<string>();
  /** Calls of the newest message of the model whose results are not there yet. */
  #waiting: string[] = [];
  /** What is said before all results are there has to wait. */
  #held: Json[] = [];
  #reasoning: string | null = null;

  constructor(unseal: Unseal) {
    this.#unseal = unseal;
  }

  add(item: Json): void {
    switch (item.type) {
      case "message":
        return item.role === "assistant" ? this.#say(objectsIn(item.content)) : this.#hear(item);
      case "function_call":
        return this.#call(item);
      case "function_call_output":
        return this.#result(item);
      case "reasoning":
        if (typeof item.encrypted_content === "string") this.#reasoning = this.#unseal(item.encrypted_content);
        return;
      case "compaction":
        this.#push({ role: "system", content: `What was said before, in short:\n${this.#unseal(textOf(item.encrypted_content))}` });
    }
  }

  /** A call whose result never came is told as such, as providers take none without. */
  end(): Json[] {
    for (const id of this.#waiting) this.messages.push({ role: "tool", tool_call_id: id, content: "(no result)" });
    this.#waiting = [];
    this.messages.push(...this.#held.splice(0));
    return this.messages;
  }

  #push(message: Json): void {
    if (this.#waiting.length > 0) this.#held.push(message);
    else this.messages.push(message);
  }

  #hear({ role, content }: Json): void {
    this.#reasoning = null;
    this.#push({ role: role === "developer" ? "system" : role, content: chatContent(objectsIn(content)) });
  }

  #withReasoning(message: Assistant): Assistant {
    if (this.#reasoning !== null) message.reasoning_content = this.#reasoning;
    this.#reasoning = null;
    return message;
  }

  #say(parts: Json[]): void {
    const text = parts.map((part) => textOf(part.text ?? part.refusal)).join("");
    this.#push(this.#withReasoning({ role: "assistant", content: text }));
  }

  #call({ call_id, name, arguments: given }: Json): void {
    const call = { id: call_id, type: "function", function: { name, arguments: given } };
    const last = this.#held.length === 0 ? (this.messages.at(-1) as Assistant | undefined) : undefined;
    if (last?.role === "assistant") last.tool_calls = [...(last.tool_calls ?? []), call];
    else {
      this.end();
      this.messages.push(this.#withReasoning({ role: "assistant", content: null, tool_calls: [call] }));
    }
    this.#callIds.add(textOf(call_id));
    this.#waiting.push(textOf(call_id));
  }

  #result({ call_id, output }: Json): void {
    const id = textOf(call_id);
    if (!this.#callIds.has(id)) throw wrongParameter("input", `No tool call found for function call output with call_id ${id}.`);
    const content = typeof output === "string" ? output : chatContent(objectsIn(output));
    if (!this.#waiting.includes(id)) return;
    this.#waiting = this.#waiting.filter((one) => one !== id);
    this.messages.push({ role: "tool", tool_call_id: id, content });
    if (this.#waiting.length === 0) this.messages.push(...this.#held.splice(0));
  }
}

/** The messages of a chat that say what the items say. Throws where a result has no call, and where something is sealed by another. */
export function chatMessages(items: readonly Json[], instructions: string | null, unseal: Unseal): Json[] {
  const chat = new ChatMessages(unseal);
  if (instructions !== null && instructions !== "")
    chat.add({ type: "message", role: "system", content: [{ type: "input_text", text: instructions }] });
  for (const item of items) chat.add(item);
  return chat.end();
}

/** All tools stay visible; which of them may be called is seen to when the model calls. */
function chatChoice(choice: ToolChoice): unknown {
  if (!isObject(choice)) return choice;
  if (choice.type === "function") return { type: "function", function: { name: choice.name } };
  const [only, ...others] = choice.tools;
  if (choice.mode === "required" && only !== undefined && others.length === 0) return { type: "function", function: { name: only.name } };
  return choice.mode;
}

function chatFormat({ format }: ResponseRequest["text"]): Json | undefined {
  if (format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  return { type: "json_schema", json_schema: { name, schema, strict, ...(description !== null && { description }) } };
}

const chatTools = ({ tools }: ResponseRequest): Json[] =>
  tools.map(({ name, description, parameters, strict }) => ({
    type: "function",
    function: {
      name,
      ...(description !== null && { description }),
      ...(parameters !== null && { parameters }),
      ...(strict !== null && { strict }),
    },
  }));

const withoutNothing = (members: Json): Json =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined));

/** What a provider's chat route is asked. What was not asked for is not sent: not every provider knows every member. */
export function chatRequest(request: ResponseRequest, messages: Json[]): Json {
  const { tools, toolChoice, include, topLogprobs, reasoning } = request;
  const wantsLogprobs = include.includes("message.output_text.logprobs") || (topLogprobs ?? 0) > 0;
  return withoutNothing({
    messages,
    stream: true,
    stream_options: { include_usage: true },
    ...(tools.length > 0 && {
      tools: chatTools(request),
      tool_choice: chatChoice(toolChoice),
      ...(!request.parallelToolCalls && { parallel_tool_calls: false }),
    }),
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    presence_penalty: request.presencePenalty,
    frequency_penalty: request.frequencyPenalty,
    response_format: chatFormat(request.text),
    verbosity: request.text.verbosity,
    reasoning_effort: reasoning?.effort,
    logprobs: wantsLogprobs ? true : null,
    top_logprobs: wantsLogprobs ? topLogprobs : null,
    user: request.user,
    prompt_cache_key: request.promptCacheKey,
    safety_identifier: request.safetyIdentifier,
  });
}
