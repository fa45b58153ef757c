import type { PeerState, PeerTokens } from "@parley/contracts";
import { type ChatEvent, messageText } from "./gateway-frame.ts";

export interface RunEnd {
  state: Extract<PeerState, "completed" | "canceled" | "failed">;
  /** What it says about an end that is no answer. */
  prompt: string;
  text: string;
  tokens: PeerTokens;
}

/** Counted by us where the gateway does not say: about so many characters are a token. */
const CHARS_PER_TOKEN = 4;

/** Folds what is heard of one run into its answer. Events of other runs, repeated ones, and what comes behind the end change nothing. */
export class ChatRun {
  readonly ended: Promise<RunEnd>;
  readonly #asked: string;
  readonly #onText: (text: string) => void;
  readonly #end = Promise.withResolvers<RunEnd>();
  #runId: string;
  #seq = Number.NEGATIVE_INFINITY;
  #text = "";
  #told = "";

  constructor({ runId, asked, onText }: { runId: string; asked: string; onText: (text: string) => void }) {
    this.#runId = runId;
    this.#asked = asked;
    this.#onText = onText;
    this.ended = this.#end.promise;
  }

  get runId(): string {
    return this.#runId;
  }

  /** The gateway calls it otherwise than by the key that it was sent under. */
  rename(runId: string): void {
    this.#runId = runId;
  }

  take(event: ChatEvent): void {
    if (event.runId !== this.#runId) return;
    if (event.state === "delta") this.#add(event);
    else if (event.state === "final") this.finish(messageText(event.message) ?? this.#text, event.usage);
    else if (event.state === "aborted") this.#fail("canceled", event);
    else if (event.state === "error") this.#fail("failed", event);
  }

  /** The answer is known, from wherever. */
  finish(text: string, usage?: unknown): void {
    this.#end.resolve({ state: "completed", prompt: "", text, tokens: tokensOf(usage) ?? this.#guess(text) });
  }

  #add({ seq, deltaText = "", replace }: ChatEvent): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    this.#text = replace === true ? deltaText : this.#text + deltaText;
    // What was told cannot be taken back here; an answer that turned out otherwise is told whole when it is there.
    if (!this.#text.startsWith(this.#told)) return;
    const news = this.#text.slice(this.#told.length);
    this.#told = this.#text;
    if (news !== "") this.#onText(news);
  }

  #fail(state: "canceled" | "failed", { errorKind, errorMessage, usage }: ChatEvent): void {
    const prompt = [errorKind, errorMessage].filter((part) => part !== undefined && part !== "").join(": ");
    this.#end.resolve({ state, prompt, text: this.#text, tokens: tokensOf(usage) ?? this.#guess(this.#text) });
  }

  #guess(text: string): PeerTokens {
    const tokens = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);
    return { inputTokens: tokens(this.#asked.length), outputTokens: tokens(text.length), estimated: true };
  }
}

const INWARD = ["input", "inputTokens", "input_tokens", "prompt_tokens", "promptTokens"];
const OUTWARD = ["output", "outputTokens", "output_tokens", "completion_tokens", "completionTokens"];
const TOKENS_MAX = 2_147_483_647;

/** The figures have several names; null where there is not one of each kind. */
function tokensOf(usage: unknown): PeerTokens | null {
  if (typeof usage !== "object" || usage === null) return null;
  const figure = (names: string[]): number | undefined =>
    names
      .map((name) => (usage as Record<string, unknown>)[name])
      .filter((value) => typeof value === "number")
      .find((value) => Number.isInteger(value) && value >= 0 && value <= TOKENS_MAX);
  const [inputTokens, outputTokens] = [figure(INWARD), figure(OUTWARD)];
  return inputTokens === undefined || outputTokens === undefined ? null : { inputTokens, outputTokens, estimated: false };
}
