import { NO_USAGE, type Usage } from "@parley/contracts";
import type { DirectRequest } from "@parley/domain";
import { isObject, type Json, objectsIn, textOf } from "./known.ts";

/** Where a provider does not count, a token is taken as four characters. */
const CHARS_PER_TOKEN = 4;
export const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

const count = (value: unknown): number => (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0);

/** A usage in OpenAI's shape, of chat, embeddings or sound; null where it says nothing. */
function usageIn(value: unknown): Usage | null {
  if (!isObject(value)) return null;
  const input = value.prompt_tokens ?? value.input_tokens;
  const output = value.completion_tokens ?? value.output_tokens;
  if (typeof input !== "number" && typeof output !== "number") return null;
  const prompt = isObject(value.prompt_tokens_details) ? value.prompt_tokens_details : {};
  const completion = isObject(value.completion_tokens_details) ? value.completion_tokens_details : {};
  return {
    inputTokens: count(input),
    outputTokens: count(output),
    cachedTokens: count(prompt.cached_tokens),
    reasoningTokens: count(completion.reasoning_tokens),
    modelCalls: 1,
    estimated: false,
  };
}

const contentChars = (content: unknown): number =>
  typeof content === "string" ? content.length : objectsIn(content).reduce((chars, part) => chars + textOf(part.text).length, 0);

const inputChars = (input: unknown): number => {
  if (typeof input === "string") return input.length;
  if (!Array.isArray(input)) return 0;
  // A number is a token already.
  return input.reduce<number>((chars, one) => chars + (typeof one === "number" ? CHARS_PER_TOKEN : inputChars(one)), 0);
};

/** What the provider had to read, by our estimate. */
export function promptTokens({ body }: Pick<DirectRequest, "body">): number {
  if (body instanceof FormData) return 0;
  const messages = objectsIn(body.messages).reduce((chars, message) => chars + contentChars(message.content), 0);
  const tools = Array.isArray(body.tools) && body.tools.length > 0 ? JSON.stringify(body.tools).length : 0;
  return tokensIn(messages + tools + inputChars(body.input));
}

/** What a call has used, counted while its answer passes: the provider's figures, or else ours. */
export class UsageCount {
  #reported: Usage | null = null;
  #outputChars = 0;
  #reasoningChars = 0;
  readonly #request: Pick<DirectRequest, "body">;

  constructor(request: Pick<DirectRequest, "body">) {
    this.#request = request;
  }

  /** Takes the provider's own figures; the last ones count. */
  report(usage: unknown): void {
    this.#reported = usageIn(usage) ?? this.#reported;
  }

  get isReported(): boolean {
    return this.#reported !== null;
  }

  /** Counts what a message, or a piece of one, says. */
  add(message: Json): void {
    this.#outputChars += contentChars(message.content) + textOf(message.refusal).length;
    this.#reasoningChars += textOf(message.reasoning_content ?? message.reasoning).length;
    for (const call of objectsIn(message.tool_calls)) {
      const named = isObject(call.function) ? call.function : isObject(call.custom) ? call.custom : {};
      this.#outputChars += textOf(named.name).length + textOf(named.arguments ?? named.input).length;
    }
  }

  usage(): Usage {
    if (this.#reported !== null) return this.#reported;
    return {
      ...NO_USAGE,
      inputTokens: promptTokens(this.#request),
      outputTokens: tokensIn(this.#outputChars + this.#reasoningChars),
      reasoningTokens: tokensIn(this.#reasoningChars),
      modelCalls: 1,
      estimated: true,
    };
  }
}
