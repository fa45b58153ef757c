import type { Json } from "./known.ts";

/**
 * Providers name the text of a model's reasoning in two ways, and each known client reads one of them: it is given under both. Says whether
 * the message, or the piece of one, was changed.
 */
export function doubleReasoning(message: Json): boolean {
  const { reasoning_content: content, reasoning } = message;
  if (typeof content === "string" && typeof reasoning !== "string") message.reasoning = content;
  else if (typeof reasoning === "string" && typeof content !== "string") message.reasoning_content = reasoning;
  else return false;
  return true;
}
