import { NO_USAGE, type Usage } from "@parley/contracts";
import { isPicture } from "../model/is-picture.ts";
import type { FinishReason, Model, ModelRequest, ToolCall } from "../model/model.ts";

export interface MeteredResponse {
  text: string;
  toolCalls: ToolCall[];
  finishReason: FinishReason;
}

/** What a call used: exact where the provider said so, else our estimate, marked as such. */
export interface MeterReading extends Usage {
  model: string;
  /** Pictures that it had to look at. */
  images?: number;
}

/**
 * The only way to a model. `meter` is called exactly once per call, also when the call fails or is aborted, with what
 * was used; nothing reaches a provider without it.
 */
export type MeteredModel = (request: ModelRequest, use: ModelUse) => Promise<MeteredResponse>;

export interface ModelUse {
  /** What it resolves with is waited for, and the provider waits, too. */
  onText: (text: string) => void | Promise<void>;
  /** So many characters have come that are no text: of reasoning, or of calls. */
  onUnsaid?: (chars: number) => void | Promise<void>;
  /** Told before the model is asked: what tells at any time what the call has used so far, by our estimate. */
  onCall?: (soFar: () => MeterReading) => void;
  meter: (reading: MeterReading) => void;
}

export const meterModel =
  (model: Model): MeteredModel =>
  async (request, { onText, onUnsaid, onCall, meter }) => {
    let text = "";
    const unsaid = { reasoning: 0, call: 0 };
    let started = false;
    let reported: Usage | null = null;
    let promptTokens: number | undefined;
    const images = picturesIn(request.messages);
    const named = { model: request.model, ...(images === 0 ? {} : { images }) };
    const estimate = (): Usage => {
      promptTokens ??= tokensIn(promptChars(request));
      return {
        inputTokens: promptTokens,
        outputTokens: tokensIn(text.length + unsaid.call + unsaid.reasoning),
        cachedTokens: 0,
        reasoningTokens: tokensIn(unsaid.reasoning),
        modelCalls: 1,
        estimated: true,
      };
    };
    onCall?.(() => ({ ...named, ...estimate() }));
    try {
      for await (const chunk of model.stream(request)) {
        started = true;
        if (chunk.type === "text") {
          // Mostly there is nothing to wait for; where there is, the provider waits, too. What is not passed on is not charged by our estimate.
          const passedOn = onText(chunk.text);
          if (passedOn !== undefined) await passedOn;
          text += chunk.text;
        } else if (chunk.type !== "finish") {
          const covered = onUnsaid?.(chunk.text.length);
          if (covered !== undefined) await covered;
          unsaid[chunk.type] += chunk.text.length;
        } else {
          unsaid.call = Math.max(unsaid.call, callChars(chunk.toolCalls));
          reported = chunk.usage ?? estimate();
          return { text, toolCalls: chunk.toolCalls, finishReason: chunk.reason };
        }
      }
      throw new Error("The model's stream ended without a finish chunk.");
    } finally {
      // A call that was refused before anything came back has used nothing.
      meter({
        ...named,
        ...(reported ?? (started || request.signal.aborted ? estimate() : NO_USAGE)),
      });
    }
  };

/** Four characters a token: near enough for a bill that is marked as an estimate. */
const CHARS_PER_TOKEN = 4;
const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

const callChars = (calls: ToolCall[]): number => calls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);

export const picturesIn = (messages: ModelRequest["messages"]): number =>
  messages.reduce((sum, message) => sum + (message.role === "user" ? (message.files ?? []).filter(isPicture).length : 0), 0);

/** What the provider has to read: also the tools that it is told of, and earlier calls. */
function promptChars({ messages, tools = [] }: ModelRequest): number {
  const said = messages.reduce(
    (sum, message) => sum + message.content.length + (message.role === "assistant" ? callChars(message.toolCalls ?? []) : 0),
    0,
  );
  return said + (tools.length === 0 ? 0 : JSON.stringify(tools).length);
}
