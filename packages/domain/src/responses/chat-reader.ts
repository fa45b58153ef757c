import { checkToolArguments, isObject } from "@parley/contracts";
import { type Json, objectsIn } from "./response.ts";
import type { ResponseBuilder } from "./response-builder.ts";
import type { ResponseRequest } from "./response-request.ts";

/** How the model's answer ended: the reason why it is not whole, or null. */
export interface ChatEnd {
  reason: "max_output_tokens" | "content_filter" | "invalid_output" | null;
}

const REASONS: Record<string, ChatEnd["reason"]> = { length: "max_output_tokens", content_filter: "content_filter" };

/** The functions that may be called; null: all of them. */
function allowedNames({ toolChoice, tools }: ResponseRequest): ReadonlySet<unknown> {
  if (toolChoice === "none" || (isObject(toolChoice) && toolChoice.type === "allowed_tools" && toolChoice.mode === "none"))
    return new Set();
  if (isObject(toolChoice) && toolChoice.type === "function") return new Set([toolChoice.name]);
  return new Set((isObject(toolChoice) ? toolChoice.tools : tools).map(({ name }) => name));
}

/** A call as its pieces come in: not told before its name is known, never told where it may not be made. */
interface Calling {
  id: string;
  name: string;
  arguments: string;
  /** Its place in the output; null while it is not told. */
  told: number | null;
}

/** Turns the chunks of a chat into the events of a response. */
export class ChatReader {
  readonly #request: ResponseRequest;
  readonly #builder: ResponseBuilder;
  readonly #allowed: ReadonlySet<unknown>;
  readonly #calls = new Map<unknown, Calling>();
  readonly #showsLogprobs: boolean;
  #finish: string | null = null;
  #told = 0;

  constructor(request: ResponseRequest, builder: ResponseBuilder) {
    this.#request = request;
    this.#builder = builder;
    this.#allowed = allowedNames(request);
    this.#showsLogprobs = request.include.includes("message.output_text.logprobs") || (request.topLogprobs ?? 0) > 0;
  }

  /** Takes chunks that came together: what they say of one thing is told as one. */
  take(chunks: readonly Json[]): void {
    const said = { kind: "text" as "text" | "reasoning" | "refusal", text: "", logprobs: [] as unknown[] };
    const tell = (): void => {
      if (said.text === "") return;
      if (said.kind === "text") this.#builder.text(said.text, said.logprobs);
      else this.#builder[said.kind](said.text);
      said.text = "";
      said.logprobs = [];
    };
    const add = (kind: typeof said.kind, text: unknown, logprobs: unknown[] = []): void => {
      if (typeof text !== "string" || text === "") return;
      if (said.kind !== kind) tell();
      said.kind = kind;
      said.text += text;
      said.logprobs.push(...logprobs);
    };
    for (const chunk of chunks) {
      const choice = objectsIn(chunk.choices).find(({ index = 0 }) => index === 0);
      if (choice === undefined) continue;
      const { delta = choice.message, finish_reason: finish, logprobs } = choice;
      if (isObject(delta)) {
        add("reasoning", delta.reasoning_content ?? delta.reasoning);
        add("text", delta.content, this.#showsLogprobs && isObject(logprobs) ? objectsIn(logprobs.content) : []);
        add("refusal", delta.refusal);
        const calls = objectsIn(delta.tool_calls);
        if (calls.length > 0) tell();
        for (const [place, call] of calls.entries()) this.#piece(call, call.index ?? place);
      }
      if (typeof finish === "string") this.#finish = finish;
    }
    tell();
  }

  /** Call once, when there are no more chunks. */
  end(): ChatEnd {
    const reason = REASONS[this.#finish ?? ""] ?? null;
    const { format } = this.#request.text;
    if (reason === null && this.#calls.size === 0 && format.type === "json_schema" && format.strict && this.#builder.said !== "") {
      if (!fits(format.schema, this.#builder.said)) return { reason: "invalid_output" };
    }
    return { reason };
  }

  #piece(piece: Json, key: unknown): void {
    const call = this.#calls.get(key) ?? { id: "", name: "", arguments: "", told: null };
    this.#calls.set(key, call);
    const named = isObject(piece.function) ? piece.function : {};
    if (typeof piece.id === "string") call.id = piece.id;
    // Some providers repeat the name with every piece.
    if (typeof named.name === "string" && call.name === "") call.name = named.name;
    const more = typeof named.arguments === "string" ? named.arguments : "";
    if (call.told === null) {
      if (call.name === "" || !this.#allowed.has(call.name) || (!this.#request.parallelToolCalls && this.#told > 0)) return;
      call.told = this.#builder.call(call.id, call.name);
      this.#told += 1;
    }
    this.#builder.callArguments(call.told, more);
  }
}

/** Whether the text is what its schema asks for. What cannot be judged in time is let pass. */
function fits(schema: Json, text: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return false;
  }
  return !isObject(value) || checkToolArguments(schema, value).ok;
}
