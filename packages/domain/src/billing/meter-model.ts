import { NO_USAGE, type Usage } from "@parley/contracts";
import type { FinishReason, Model, ModelMessage, ModelRequest, ToolCall } from "../model/model.ts";

export interface MeteredResponse {
  text: string;
  toolCalls: ToolCall[];
  finishReason: FinishReason;
}

/** What a call used: exact where the provider said so, else our estimate, marked as such. */
export interface MeterReading extends Usage {
  model: string;
}

/**
 * The only way to a model. `meter` is called exactly once per call, also when the call fails or is aborted, with what
 * was used; nothing reaches a provider without it.
 */
export type MeteredModel = (
  request: ModelRequest,
  use: { onText: (text: string) => void | Promise<void>; meter: (reading: MeterReading) => void },
) => Promise<MeteredResponse>;

export const meterModel =
  (model: Model): MeteredModel =>
  async (request, { onText, meter }) => {
    let text = "";
    let reasoningChars = 0;
    let started = false;
    let reported: Usage | null = null;
    try {
      for await (const chunk of model.stream(request)) {
        started = true;
        if (chunk.type === "text") {
          // Mostly there is nothing to wait for; where there is, the provider waits, too. What is not passed on is not charged by our estimate.
          const passedOn = onText(chunk.text);
          if (passedOn !== undefined) await passedOn;
          text += chunk.text;
        } else if (chunk.type === "reasoning") {
          reasoningChars += chunk.text.length;
        } else {
          reported = chunk.usage ?? estimate(request, text, reasoningChars, chunk.toolCalls);
          return { text, toolCalls: chunk.toolCalls, finishReason: chunk.reason };
        }
      }
      throw new Error("The model's stream ended without a finish chunk.");
    } finally {
      // A call that was refused before anything came back has used nothing.
      meter({
        model: request.model,
        ...(reported ?? (started || request.signal.aborted ? estimate(request, text, reasoningChars, []) : NO_USAGE)),
      });
    }
  };

/** Four characters a token: near enough for a bill that is marked as an estimate. */
const CHARS_PER_TOKEN = 4;
const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

const promptChars = (messages: ModelMessage[]): number => messages.reduce((sum, message) => sum + message.content.length, 0);

function estimate(request: ModelRequest, text: string, reasoningChars: number, toolCalls: ToolCall[]): Usage {
  const callChars = toolCalls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);
  return {
    inputTokens: tokensIn(promptChars(request.messages)),
    outputTokens: tokensIn(text.length + callChars + reasoningChars),
    cachedTokens: 0,
    reasoningTokens: tokensIn(reasoningChars),
    modelCalls: 1,
    estimated: true,
  };
}
