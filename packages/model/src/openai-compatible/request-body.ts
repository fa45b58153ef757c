import { isPicture, type ModelMessage, type ModelRequest } from "@parley/domain";
import type OpenAI from "openai";
import type { Provider } from "../provider.ts";

type Body = OpenAI.ChatCompletionCreateParamsStreaming;

const DOCUMENT = /^data:application\/pdf[;,]/i;

const userContent = (text: string, files: string[]): string | OpenAI.ChatCompletionContentPart[] => {
  if (files.length === 0) return text;
  const others = files.filter((file) => !isPicture(file) && !DOCUMENT.test(file));
  const words = [text, ...others.map((file) => `[file] ${file}`)].join("\n");
  const parts = files.flatMap((file): OpenAI.ChatCompletionContentPart[] => {
    if (isPicture(file)) return [{ type: "image_url", image_url: { url: file } }];
    return DOCUMENT.test(file) ? [{ type: "file", file: { filename: "document.pdf", file_data: file } }] : [];
  });
  return parts.length === 0 ? words : [{ type: "text", text: words }, ...parts];
};

const messageOf = (message: ModelMessage): OpenAI.ChatCompletionMessageParam => {
  switch (message.role) {
    case "system":
      return { role: "system", content: message.content };
    case "user":
      return { role: "user", content: userContent(message.content, message.files ?? []) };
    case "tool":
      return { role: "tool", tool_call_id: message.toolCallId, content: message.content };
    case "assistant": {
      const calls = message.toolCalls ?? [];
      if (calls.length === 0) return { role: "assistant", content: message.content };
      return {
        role: "assistant",
        // Several providers refuse an empty text beside calls.
        content: message.content === "" ? null : message.content,
        tool_calls: calls.map((call) => ({ id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } })),
      };
    }
  }
};

const toolFields = ({ tools = [], toolChoice }: ModelRequest): Partial<Body> => {
  if (tools.length === 0) return {};
  const list = tools.map(({ name, description, parameters }) => ({
    type: "function" as const,
    function: { name, description, parameters },
  }));
  if (toolChoice === undefined) return { tools: list };
  return {
    tools: list,
    tool_choice: typeof toolChoice === "string" ? toolChoice : { type: "function", function: { name: toolChoice.name } },
  };
};

/** The request as the provider takes it; `model` without the provider's prefix. */
export const requestBody = (request: ModelRequest, model: string, provider: Provider): Body => ({
  model,
  messages: request.messages.map(messageOf),
  stream: true,
  stream_options: { include_usage: true },
  ...toolFields(request),
  ...(request.responseSchema === undefined
    ? {}
    : { response_format: { type: "json_schema", json_schema: { name: "answer", schema: request.responseSchema } } }),
  ...(request.temperature === undefined ? {} : { temperature: request.temperature }),
  ...(request.maxOutputTokens === undefined ? {} : { [provider.outputLimit]: request.maxOutputTokens }),
  ...(request.reasoningEffort === undefined ? {} : { reasoning_effort: request.reasoningEffort as OpenAI.ReasoningEffort }),
});
