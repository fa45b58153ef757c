import { hashArguments } from "@parley/contracts";
import type { ModelMessage, ToolCall } from "../model/model.ts";
import { parseJson } from "./storable.ts";

type Called = Pick<ToolCall, "name" | "arguments">;

/** Identical calls in a row that are made; the next one is answered instead. */
const SAME_CALLS_MAX = 2;

export const REPEATED =
  "This call was just made twice with the same arguments and is not made again: its result would be the same. " +
  "Use what you have, call something else, or answer.";

const CONCLUDE =
  "This is the last step: no tools can be called any more. Answer now with what is known, and say what could not be done and what is missing.";

const fingerprint = ({ name, arguments: given }: Called): string => `${name} ${hashArguments(parseJson(given) ?? given)}`;

/** Whether the calls right before this one, in earlier steps and in its own, were so many of the same. Seen in what was said, so that every attempt sees the same. */
export function isRepeated(call: Called, messages: ModelMessage[], ownStep: Called[]): boolean {
  const wanted = fingerprint(call);
  const earlier = messages.flatMap((message) => (message.role === "assistant" ? (message.toolCalls ?? []) : []));
  const before = [...earlier, ...ownStep].slice(-SAME_CALLS_MAX);
  return before.length === SAME_CALLS_MAX && before.every((one) => fingerprint(one) === wanted);
}

/** The same messages with the order to conclude, in the one system message that there may be. */
export function concluding(messages: ModelMessage[]): ModelMessage[] {
  const [first, ...others] = messages;
  return first?.role === "system"
    ? [{ ...first, content: `${first.content}\n\n${CONCLUDE}` }, ...others]
    : [{ role: "system", content: CONCLUDE }, ...messages];
}
