import type { Model, ModelChunk, ToolCall } from "@parley/domain";
import type { Reply } from "../spec/engine.ts";

/** A model that says nothing until it is told what. */
export interface AskedModel {
  model: Model;
  /** Resolves once a call waits for its reply. */
  asked(): Promise<void>;
  reply(said: Reply): void;
}

const QUESTIONS = { questions: [{ id: "q", text: "Which one?" }] };
const NOTHING_USED = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };

export function createAskedModel(): AskedModel {
  let waiting = Promise.withResolvers<Reply>();
  let asked = Promise.withResolvers<void>();
  let calls = 0;

  const callsOf = (said: Reply): ToolCall[] => {
    const call = (name: string, given: object): ToolCall => ({ id: `call-${++calls}`, name, arguments: JSON.stringify(given) });
    if (said.kind === "calls") return [call("look", {})];
    if (said.kind === "asks")
      return said.cards.map((kind) => (kind === "questions" ? call("ask_user_questions", QUESTIONS) : call("pay", {})));
    return [];
  };

  async function* stream(signal: AbortSignal): AsyncGenerator<ModelChunk> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    asked.resolve();
    try {
      const said = await Promise.race([waiting.promise, aborted.promise]);
      const toolCalls = callsOf(said);
      if (toolCalls.length === 0) yield { type: "text", text: "answer" };
      yield { type: "finish", reason: toolCalls.length === 0 ? "stop" : "tool_calls", toolCalls, usage: NOTHING_USED };
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  return {
    model: {
      stream: ({ signal }) => stream(signal),
      embed: () => Promise.reject(new Error("Nothing is remembered here.")),
    },
    asked: () => asked.promise,
    reply(said) {
      const { resolve } = waiting;
      waiting = Promise.withResolvers();
      asked = Promise.withResolvers();
      resolve(said);
    },
  };
}
