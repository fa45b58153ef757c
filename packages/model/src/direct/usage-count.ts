import { isObject, NO_USAGE, type Usage } from "@parley/contracts";
import type { DirectRequest, DirectUsage } from "@parley/domain";
import { reportedUsage } from "../reported-usage.ts";
import { type Json, objectsIn, textOf } from "./known.ts";
import { assumedMs, filesIn, spokenMs } from "./sound.ts";

/** Where a provider does not count, a token is taken as four characters. */
const CHARS_PER_TOKEN = 4;
/** A month: no sound is longer. */
const SECONDS_MAX = 2_678_400;
export const tokensIn = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

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
  if (body instanceof FormData) return tokensIn(textOf(body.get("prompt")).length);
  const messages = objectsIn(body.messages).reduce((chars, message) => chars + contentChars(message.content), 0);
  const tools = Array.isArray(body.tools) && body.tools.length > 0 ? JSON.stringify(body.tools).length : 0;
  return tokensIn(messages + tools + inputChars(body.input));
}

const isImage = (part: Json): boolean => part.type === "image_url" || part.type === "input_image";

/** What of the prompt is no text, by our estimate; nothing where there is none. */
export function sensedIn({ route, body }: Pick<DirectRequest, "route" | "body">): Pick<DirectUsage, "audioMs" | "images"> {
  if (body instanceof FormData) return { audioMs: filesIn(body).reduce((sum, { size, type }) => sum + assumedMs(size, type), 0) };
  if (route === "speech") return { audioMs: spokenMs(textOf(body.input)) };
  const images = objectsIn(body.messages).reduce((sum, { content }) => sum + objectsIn(content).filter(isImage).length, 0);
  return images === 0 ? {} : { images };
}

/** What a call has used, counted while its answer passes: the provider's figures, or else ours. */
export class UsageCount {
  #reported: Usage | null = null;
  /** Of sound, where it has no tokens. */
  #audioMs = 0;
  #outputChars = 0;
  #reasoningChars = 0;
  readonly #request: Pick<DirectRequest, "route" | "body">;

  constructor(request: Pick<DirectRequest, "route" | "body">) {
    this.#request = request;
  }

  /** Takes the provider's own figures; the last ones count. */
  report(usage: unknown): void {
    if (isObject(usage) && usage.type === "duration" && typeof usage.seconds === "number") this.reportSeconds(usage.seconds);
    else this.#reported = reportedUsage(usage) ?? this.#reported;
  }

  /** Takes how long the sound was, as the provider says: what it counts instead of tokens. */
  reportSeconds(seconds: number): void {
    if (!(seconds >= 0 && seconds <= SECONDS_MAX)) return;
    this.#reported = { ...NO_USAGE, modelCalls: 1 };
    this.#audioMs = Math.ceil(seconds * 1_000);
  }

  /** Counts sound, by our estimate. */
  addSound(ms: number): void {
    if (this.#reported === null) this.#audioMs += ms;
  }

  /** Counts text that is no message. */
  addText(chars: number): void {
    this.#outputChars += chars;
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

  usage(): DirectUsage {
    const { images } = this.#request.body instanceof FormData ? {} : sensedIn(this.#request);
    const sensed = { ...(this.#audioMs === 0 ? {} : { audioMs: this.#audioMs }), ...(images === undefined ? {} : { images }) };
    if (this.#reported !== null) return { ...this.#reported, ...sensed };
    return {
      ...sensed,
      ...NO_USAGE,
      inputTokens: promptTokens(this.#request),
      outputTokens: tokensIn(this.#outputChars + this.#reasoningChars),
      reasoningTokens: tokensIn(this.#reasoningChars),
      modelCalls: 1,
      estimated: true,
    };
  }
}
