import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import type { ModelChunk, ModelMessage, ModelRequest } from "@parley/domain";
import { localChars, localUsage } from "../local-usage.ts";
import { cutText } from "./cut-text.ts";
import { decide } from "./decide.ts";

const WORDS_PER_PIECE = 3;
/** After so many pieces other work gets its turn, and an abort is heard. */
const PIECES_PER_TURN = 32;

/** Groups of words with the space after them; joined they are the text again. */
const piecesOf = (text: string): string[] => {
  const words = text.match(/^\s+|\S+\s*/g) ?? [];
  const pieces: string[] = [];
  for (let start = 0; start < words.length; start += WORDS_PER_PIECE) pieces.push(words.slice(start, start + WORDS_PER_PIECE).join(""));
  return pieces;
};

const charsOf = (message: ModelMessage): number =>
  message.content.length +
  (message.role === "assistant"
    ? (message.toolCalls ?? []).reduce((chars, call) => chars + call.name.length + call.arguments.length, 0)
    : 0);

const inputCharsOf = ({ messages, tools, responseSchema }: ModelRequest): number =>
  messages.reduce((chars, message) => chars + charsOf(message), 0) +
  (tools?.length ? JSON.stringify(tools).length : 0) +
  (responseSchema === undefined ? 0 : JSON.stringify(responseSchema).length);

/**
 * `local/chat`, the model that needs no key and no network: the same chunks for the same request, without any delay.
 * Throws the signal's reason once aborted.
 */
export async function* streamLocalChat(request: ModelRequest): AsyncGenerator<ModelChunk> {
  const { signal, maxOutputTokens } = request;
  signal.throwIfAborted();
  const decision = decide(request);
  const inputChars = inputCharsOf(request);
  if ("calls" in decision) {
    const outputChars = decision.calls.reduce((chars, call) => chars + call.name.length + call.arguments.length, 0);
    yield { type: "finish", reason: "tool_calls", toolCalls: decision.calls, usage: localUsage(inputChars, outputChars) };
    return;
  }
  const text = maxOutputTokens === undefined ? decision.text : cutText(decision.text, localChars(maxOutputTokens));
  for (const [index, piece] of piecesOf(text).entries()) {
    if (index % PIECES_PER_TURN === PIECES_PER_TURN - 1) await turnOfTheLoop();
    signal.throwIfAborted();
    yield { type: "text", text: piece };
  }
  const reason = text.length < decision.text.length ? "length" : "stop";
  yield { type: "finish", reason, toolCalls: [], usage: localUsage(inputChars, text.length) };
}
