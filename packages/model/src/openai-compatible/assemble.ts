import { randomUUID } from "node:crypto";
import { isObject, type Usage } from "@parley/contracts";
import type { FinishReason, ModelChunk, ToolCall } from "@parley/domain";
import { reportedUsage } from "../reported-usage.ts";
import { brokenAnswer, refusedBy } from "./model-error.ts";

/** What a chunk may hold; nothing of it is sure before it is looked at. */
interface Chunk {
  error?: unknown;
  choices?: unknown;
  usage?: unknown;
}

interface Delta {
  content?: unknown;
  refusal?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  tool_calls?: unknown;
}

interface CallDelta {
  index?: unknown;
  id?: unknown;
  function?: { name?: unknown; arguments?: unknown };
}

/** What has come in of one response. */
export interface Assembly {
  provider: string;
  /** Null until the provider has said why it stopped: until then the answer is not whole. */
  reason: FinishReason | null;
  calls: Map<number, ToolCall>;
  usage: Usage | null;
}

export const newAssembly = (provider: string): Assembly => ({ provider, reason: null, calls: new Map(), usage: null });

const REASONS: Record<string, FinishReason> = {
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  length: "length",
  max_tokens: "length",
  content_filter: "content_filter",
};

const errorFrame = (provider: string, error: unknown) => {
  const { code, status, message } = isObject(error) ? error : { message: error };
  const stated = [code, status].map(Number).find((number) => number >= 400 && number < 600);
  return refusedBy({ provider, status: stated ?? 502, message: typeof message === "string" ? message : "an error inside the stream" });
};

/** Calls are told apart by their index; a provider that leaves it out starts a new call with each new id. */
const indexOf = (call: CallDelta, calls: Map<number, ToolCall>): number => {
  if (typeof call.index === "number") return call.index;
  const last = calls.size - 1;
  return last === -1 || (typeof call.id === "string" && call.id !== "" && call.id !== calls.get(last)?.id) ? last + 1 : last;
};

/** What of a call came in with this delta. */
const addCall = (assembly: Assembly, delta: CallDelta): string => {
  const index = indexOf(delta, assembly.calls);
  const call = assembly.calls.get(index) ?? { id: "", name: "", arguments: "" };
  assembly.calls.set(index, call);
  if (call.id === "" && typeof delta.id === "string") call.id = delta.id;
  const name = call.name === "" && typeof delta.function?.name === "string" ? delta.function.name : "";
  const given = typeof delta.function?.arguments === "string" ? delta.function.arguments : "";
  call.name += name;
  call.arguments += given;
  return name + given;
};

/** Deltas of the same kind from one network read become one chunk. */
const addText = (out: ModelChunk[], type: "text" | "reasoning" | "call", text: unknown): void => {
  if (typeof text !== "string" || text === "") return;
  const last = out.at(-1);
  if (last?.type === type) last.text += text;
  else out.push({ type, text });
};

/** Takes one event's data into the assembly and puts what can be shown at once into `out`. Throws `model_unavailable` or `model_rejected`. */
export const addEvent = (assembly: Assembly, data: string, out: ModelChunk[]): void => {
  let chunk: Chunk;
  try {
    chunk = JSON.parse(data);
  } catch (cause) {
    throw brokenAnswer(assembly.provider, "a chunk is not JSON", cause);
  }
  if (!isObject(chunk)) throw brokenAnswer(assembly.provider, "a chunk is not an object");
  if (chunk.error) throw errorFrame(assembly.provider, chunk.error);
  assembly.usage = reportedUsage(chunk.usage) ?? assembly.usage;
  const choice: unknown = Array.isArray(chunk.choices) ? chunk.choices[0] : undefined;
  if (!isObject(choice)) return;
  if (isObject(choice.delta)) {
    const delta: Delta = choice.delta;
    if (delta.content !== undefined && delta.content !== null && typeof delta.content !== "string") {
      throw brokenAnswer(assembly.provider, "a chunk's content is not text");
    }
    addText(out, "reasoning", delta.reasoning_content ?? delta.reasoning);
    addText(out, "text", delta.content);
    addText(out, "text", delta.refusal);
    if (Array.isArray(delta.tool_calls))
      for (const call of delta.tool_calls) if (isObject(call)) addText(out, "call", addCall(assembly, call));
  }
  const reason = choice.finish_reason;
  if (reason === "error") throw errorFrame(assembly.provider, choice.error ?? "the provider ended with an error");
  if (typeof reason === "string" && reason !== "") assembly.reason = REASONS[reason] ?? "stop";
};

/** The last chunk. Throws `model_unavailable` where the provider never said that it was done, or a call has no name. */
export const finishChunk = ({ provider, reason, calls, usage }: Assembly): ModelChunk => {
  if (reason === null) throw brokenAnswer(provider, "the stream ended without a finish reason");
  const toolCalls = [...calls].sort(([a], [b]) => a - b).map(([, call]) => ({ ...call, id: call.id || `call_${randomUUID()}` }));
  if (toolCalls.some((call) => call.name === "")) throw brokenAnswer(provider, "a tool call has no name");
  // Some providers say `stop` although they call tools.
  return { type: "finish", reason: reason === "stop" && toolCalls.length > 0 ? "tool_calls" : reason, toolCalls, usage };
};
