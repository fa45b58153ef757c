import { createHash } from "node:crypto";
import { chatUsage, isObject, NO_USAGE, type Usage } from "@parley/contracts";
import type { DirectAnswer, DirectRequest, ModelChunk, StreamEvent } from "@parley/domain";
import { streamLocalChat } from "../../local-chat/local-chat.ts";
import { type Json } from "../known.ts";
import { promptTokens, tokensIn } from "../usage-count.ts";
import { type LocalChatRequest, localChatRequest } from "./local-chat-request.ts";
import { refuse } from "./refuse.ts";
import { untilStop } from "./until-stop.ts";

const FINGERPRINT = "local";

/** The same for the same request, but for the time. */
const headOf = (body: Json, object: string): Json => ({
  id: `chatcmpl-${createHash("sha256").update(JSON.stringify(body)).digest("hex").slice(0, 24)}`,
  object,
  created: Math.floor(Date.now() / 1_000),
  model: "local/chat",
  system_fingerprint: FINGERPRINT,
});

interface Told {
  text: string;
  usage: Usage;
}

type Finish = Extract<ModelChunk, { type: "finish" }>;

const callOf = ({ id, name, arguments: given }: Finish["toolCalls"][number]) => ({
  id,
  type: "function",
  function: { name, arguments: given },
});

/** A text that was ended early has no usage of the model's own: the same rule is applied to what was said. */
const usageOf = ({ usage }: Finish, body: Json, text: string): Usage =>
  usage ?? { ...NO_USAGE, inputTokens: promptTokens({ body }), outputTokens: tokensIn(text.length), modelCalls: 1 };

async function* streamed(body: Json, { request, stops, callsMax }: LocalChatRequest, told: Told): AsyncGenerator<StreamEvent[], void> {
  const head = headOf(body, "chat.completion.chunk");
  const showsUsage = isObject(body.stream_options) && body.stream_options.include_usage === true;
  const chunk = (choices: Json[], usage: object | null = null): StreamEvent => {
    const value = { ...head, choices, ...(showsUsage && { usage }) };
    return { data: JSON.stringify(value), value };
  };
  const choice = (delta: Json, reason: string | null = null): StreamEvent =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: reason }]);
  let opened = false;
  for await (const piece of untilStop(streamLocalChat(request), stops)) {
    const events: StreamEvent[] = [];
    const callsTools = piece.type === "finish" && piece.toolCalls.length > 0;
    if (!opened) events.push(choice({ role: "assistant", content: callsTools ? null : "", refusal: null }));
    opened = true;
    if (piece.type === "text") {
      told.text += piece.text;
      events.push(choice({ content: piece.text }));
    } else if (piece.type === "finish") {
      const calls = piece.toolCalls.slice(0, callsMax);
      for (const [index, call] of calls.entries()) {
        const { id, type, function: named } = callOf(call);
        events.push(choice({ tool_calls: [{ index, id, type, function: { name: named.name, arguments: "" } }] }));
        events.push(choice({ tool_calls: [{ index, function: { arguments: named.arguments } }] }));
      }
      told.usage = usageOf(piece, body, told.text);
      events.push(choice({}, piece.reason));
      if (showsUsage) events.push(chunk([], chatUsage(told.usage)));
    }
    yield events;
  }
}

async function whole(body: Json, { request, stops, callsMax }: LocalChatRequest): Promise<DirectAnswer> {
  let text = "";
  for await (const piece of untilStop(streamLocalChat(request), stops)) {
    if (piece.type === "text") text += piece.text;
    if (piece.type !== "finish") continue;
    const calls = piece.toolCalls.slice(0, callsMax).map(callOf);
    const usage = usageOf(piece, body, text);
    const message = {
      role: "assistant",
      content: calls.length > 0 ? null : text,
      refusal: null,
      ...(calls.length > 0 && { tool_calls: calls }),
    };
    const value = {
      ...headOf(body, "chat.completion"),
      choices: [{ index: 0, message, logprobs: null, finish_reason: piece.reason }],
      usage: chatUsage(usage),
    };
    return { kind: "json", text: JSON.stringify(value), value, usage: () => usage };
  }
  throw new Error("The built-in model ended without a finish.");
}

/** `local/chat` in OpenAI's shapes: the same text, the same calls and the same figures for the same request. */
export function localChatAnswer({ body, outputTokensMax, signal }: DirectRequest): DirectAnswer | Promise<DirectAnswer> {
  if (body instanceof FormData) throw refuse("messages", "A JSON body is needed.");
  const request = localChatRequest(body, signal, outputTokensMax);
  if (body.stream !== true) return whole(body, request);
  const told: Told = { text: "", usage: { ...NO_USAGE, inputTokens: promptTokens({ body }), modelCalls: 1, estimated: true } };
  const usage = (): Usage => (told.usage.estimated ? { ...told.usage, outputTokens: tokensIn(told.text.length) } : told.usage);
  return { kind: "events", usage, events: streamed(body, request, told) };
}
